// Command kubernetes-peer is a real Kubernetes API server for the tests, with its etcd in the same process, so that nothing of
// jit takes part in it. No controllers, no nodes: what is asked of it is authentication, RBAC and storage.
//
//	kubernetes-peer FOLDER [flags of kube-apiserver]   until its standard input ends; prints the URL when it listens
//
// Certificates (apiserver.crt, apiserver.key) and everything that it stores are in FOLDER.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

const free = "http://127.0.0.1:0"

// startEtcd returns the address at which clients find it.
func startEtcd(folder string) (string, error) {
	address, err := url.Parse(free)
	if err != nil {
		return "", err
	}
	config := embed.NewConfig()
	config.Dir = folder
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*address}, []url.URL{*address}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*address}, []url.URL{*address}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	if err != nil {
		return "", err
	}
	<-server.Server.ReadyNotify()
	return "http://" + server.Clients[0].Addr().String(), nil
}

func serve(ctx context.Context, folder string, flags []string) error {
	etcd, err := startEtcd(filepath.Join(folder, "etcd"))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := options.NewServerRunOptions()
	set := pflag.NewFlagSet("kubernetes-peer", pflag.ContinueOnError)
	for _, flags := range server.Flags().FlagSets {
		set.AddFlagSet(flags)
	}
	if err := set.Parse(append([]string{"--etcd-servers=" + etcd, "--cert-dir=" + folder}, flags...)); err != nil {
		return err
	}
	if err := server.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	address := listener.Addr().(*net.TCPAddr)
	server.SecureServing.Listener, server.SecureServing.BindPort = listener, address.Port
	server.SecureServing.BindAddress, server.SecureServing.ExternalAddress = address.IP, address.IP
	completed, err := server.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return fmt.Errorf("%v", errs)
	}
	fmt.Printf("https://%s\n", address)
	return app.Run(ctx, completed)
}

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: kubernetes-peer FOLDER [flags of kube-apiserver]")
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if err := serve(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}
