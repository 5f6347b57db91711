// Command spiffe-peer is the other side of the SPIFFE Workload API for the tests, made of the SPIFFE project's own library
// and of gRPC for Go, so that nothing of jit takes part in it.
//
//	spiffe-peer serve SOCKET TRUST_DOMAIN BUNDLE   until its standard input ends; prints "ready"
//	spiffe-peer fetch SOCKET AUDIENCE              prints a JWT-SVID, one for each identity
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const keyID = "peer-key"

type agent struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	signer jose.Signer
	ids    []spiffeid.ID
}

func (a *agent) FetchJWTSVID(ctx context.Context, request *workload.JWTSVIDRequest) (*workload.JWTSVIDResponse, error) {
	headers, _ := metadata.FromIncomingContext(ctx)
	if got := headers.Get("workload.spiffe.io"); len(got) != 1 || got[0] != "true" {
		return nil, status.Error(codes.InvalidArgument, "security header missing from request")
	}
	if len(request.GetAudience()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "audience must be specified")
	}
	response := &workload.JWTSVIDResponse{}
	for _, id := range a.ids {
		if wanted := request.GetSpiffeId(); wanted != "" && wanted != id.String() {
			continue
		}
		now := time.Now()
		token, err := jwt.Signed(a.signer).Claims(jwt.Claims{
			Subject:  id.String(),
			Audience: request.GetAudience(),
			IssuedAt: jwt.NewNumericDate(now),
			Expiry:   jwt.NewNumericDate(now.Add(5 * time.Minute)),
		}).Serialize()
		if err != nil {
			return nil, err
		}
		response.Svids = append(response.Svids, &workload.JWTSVID{SpiffeId: id.String(), Svid: token})
	}
	if len(response.Svids) == 0 {
		return nil, status.Error(codes.PermissionDenied, "no identity issued")
	}
	return response, nil
}

func serve(socket, domain, bundleFile string) error {
	trustDomain, err := spiffeid.TrustDomainFromString(domain)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	bundle := spiffebundle.New(trustDomain)
	if err := bundle.AddJWTAuthority(keyID, key.Public()); err != nil {
		return err
	}
	bundle.SetRefreshHint(time.Minute)
	bundle.SetSequenceNumber(1)
	document, err := bundle.Marshal()
	if err != nil {
		return err
	}
	if err := os.WriteFile(bundleFile, document, 0o600); err != nil {
		return err
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: keyID}},
		(&jose.SignerOptions{}).WithType("JWT"),
	)
	if err != nil {
		return err
	}
	ids := []spiffeid.ID{
		spiffeid.RequireFromPath(trustDomain, "/ci/deploy"),
		spiffeid.RequireFromPath(trustDomain, "/db"),
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(server, &agent{signer: signer, ids: ids})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	fmt.Println("ready")
	return server.Serve(listener)
}

func fetch(socket, audience string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	svids, err := workloadapi.FetchJWTSVIDs(ctx, jwtsvid.Params{Audience: audience}, workloadapi.WithAddr(socket))
	if err != nil {
		return err
	}
	for _, svid := range svids {
		fmt.Println(svid.Marshal())
	}
	return nil
}

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 4 && args[0] == "serve":
		err = serve(args[1], args[2], args[3])
	case len(args) == 3 && args[0] == "fetch":
		err = fetch(args[1], args[2])
	default:
		err = fmt.Errorf("see the comment at the top of main.go")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
