/**
 * The rules that `jit-broker init` writes: enough to begin with, and narrow.
 * @module
 */

export const STARTER_POLICY = `// The rules of this broker, in Cedar. What no rule permits is denied, and a forbid always wins. All .cedar files of this
// folder count, and changes are taken up within seconds. To try them out: jit policy check, jit policy test.
//   @tier  auto: at once    self-serve: you confirm it yourself    manual: somebody else approves
//   @max   the longest that one request may ask for

// Looking at things outside production needs nobody.
@id("look")
@tier("auto")
@max("1h")
permit (principal, action == Jit::Action::"Request", resource)
when { ["list", "read"].contains(context.access) && resource.environment != "prod" };

// Looking at production is confirmed first.
@id("look-at-production")
@tier("self-serve")
@max("1h")
permit (principal, action == Jit::Action::"Request", resource)
when { ["list", "read"].contains(context.access) && resource.environment == "prod" };

// Changing something outside production is for the group deployers, as the identity provider names it.
@id("change")
@tier("self-serve")
@max("1h")
permit (principal in Jit::Group::"deployers", action == Jit::Action::"Request", resource)
when { ["tagging", "write"].contains(context.access) && resource.environment != "prod" };

// Changing production takes another person. Take away the // of these lines and name your groups.
// @id("change-production")
// @tier("manual")
// @max("1h")
// @approvers("1")
// @approver_group("sre-leads")
// permit (principal in Jit::Group::"deployers", action == Jit::Action::"Request", resource)
// when { ["tagging", "write"].contains(context.access) && resource.environment == "prod" };

// Who may approve, wherever a rule says manual. Nobody approves what they asked for themselves, whatever is written here.
// @id("approvers")
// permit (principal in Jit::Group::"sre-leads", action == Jit::Action::"Approve", resource);

// Nobody hands out access to others through jit.
@id("no-permission-changes")
@description("changing permissions is not possible through this broker")
forbid (principal, action == Jit::Action::"Request", resource)
when { context.access == "permissions" };

// Name what you need: "bucket/*" is fine, "*" and "bucket-*" are not.
@id("no-broad-wildcards")
@description("a wildcard may only reach inside one resource that you name")
forbid (principal, action == Jit::Action::"Request", resource)
when { context.breadth == "broad" };
`;
