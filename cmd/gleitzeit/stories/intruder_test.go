package stories_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// startBody is the smallest request that starts a workflow. The queue has no workers, so it does nothing.
const startBody = `{"workflowType":{"name":"gleitzeit.run"},"taskQueue":{"name":"nobody"},"requestId":"r"}`

func startAddress(s *uiServer, id string) string {
	return s.base + "/api/v1/namespaces/default/workflows/" + id
}

// intrudeByGRPC starts a workflow and reads the end of a run. Its error says that neither went.
func intrudeByGRPC(address string, with credentials.TransportCredentials, id, run string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience/2)
	defer cancel()
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(with))
	if err != nil {
		return err
	}
	service := workflowservice.NewWorkflowServiceClient(connection)
	_, start := service.StartWorkflowExecution(ctx, &workflowservice.StartWorkflowExecutionRequest{
		Namespace: "default", WorkflowId: id, WorkflowType: &commonpb.WorkflowType{Name: "gleitzeit.run"},
		TaskQueue: &taskqueuepb.TaskQueue{Name: "nobody"}, RequestId: "r",
	})
	history, read := service.GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace: "default", Execution: &commonpb.WorkflowExecution{WorkflowId: run},
	})
	if read == nil && len(history.GetHistory().GetEvents())+len(history.GetRawHistory()) == 0 {
		read = errors.New("an empty history")
	}
	return errors.Join(bothFailed(start, read), connection.Close())
}

// intrudeByHTTP is intrudeByGRPC through the API of the Web UI.
func intrudeByHTTP(client *http.Client, base, host, id, run string, header map[string]string) error {
	at, err := url.Parse(base)
	if err != nil {
		return err
	}
	cookies, csrf := client.Jar.Cookies(at), ""
	for _, cookie := range cookies {
		if cookie.Name == "_csrf" {
			csrf = cookie.Value
		}
	}
	do := func(method, address, body, wanted string) error {
		r, err := http.NewRequest(method, address, strings.NewReader(body))
		if err != nil {
			return err
		}
		if host != "" {
			r.Host = host
			for _, cookie := range cookies {
				r.AddCookie(cookie) // A browser that believes that the host is here sends what it has of the host.
			}
		}
		r.Header.Set("X-CSRF-Token", csrf)
		for name, value := range header {
			r.Header.Set(name, value)
		}
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		said, err := io.ReadAll(answer.Body)
		if err == nil && (answer.StatusCode != http.StatusOK || !bytes.Contains(said, []byte(wanted))) {
			err = fmt.Errorf("status %d: %.200s", answer.StatusCode, said)
		}
		return err
	}
	of := base + "/api/v1/namespaces/default/workflows/"
	return bothFailed(
		do(http.MethodPost, of+id, startBody, `"runId"`),
		do(http.MethodGet, of+run+"/history", "", "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"))
}

// bothFailed is nil where one of the two went.
func bothFailed(start, read error) error {
	if start == nil || read == nil {
		return nil
	}
	return errors.Join(start, read)
}

// started asks the engine, as somebody who may, whether there is a workflow of that id.
func (u *user) started(s *uiServer, id string) bool {
	u.T.Helper()
	ctx, cancel := context.WithTimeout(u.T.Context(), patience)
	defer cancel()
	connection, err := grpc.NewClient("passthrough:///"+s.engine, grpc.WithTransportCredentials(credentials.NewTLS(u.mutualTLS())))
	must(u.T, err)
	defer connection.Close()
	_, err = workflowservice.NewWorkflowServiceClient(connection).DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: "default", Execution: &commonpb.WorkflowExecution{WorkflowId: id},
	})
	var missing *serviceerror.NotFound
	if err != nil && !errors.As(serviceerror.FromStatus(status.Convert(err)), &missing) {
		u.T.Fatal(err)
	}
	return err == nil
}

// mutualTLS is what the clients of the home use.
func (u *user) mutualTLS() *tls.Config {
	u.T.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(u.Home, "engine.crt"), filepath.Join(u.Home, "engine.key"))
	must(u.T, err)
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ServerName: "engine.gleitzeit", MinVersion: tls.VersionTLS13}
}

// stolenCertificate is the certificate of the home with another key: the certificate is no secret.
func (u *user) stolenCertificate() tls.Certificate {
	u.T.Helper()
	return tls.Certificate{Certificate: u.mutualTLS().Certificates[0].Certificate, PrivateKey: foreignPair(u.T).PrivateKey}
}

// foreignPair is a key pair made out to the name of the engine by somebody else.
func foreignPair(t testing.TB) tls.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"engine.gleitzeit"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: private}
}

// stranger is a client without a cookie.
func stranger(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	client := &http.Client{Jar: jar, Transport: &http.Transport{}, Timeout: patience / 2}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// browserOf is a client that has used the link.
func browserOf(t testing.TB, s *uiServer) *http.Client {
	t.Helper()
	client := stranger(t)
	for _, page := range []string{s.link, s.base + temporalPage} { // The second gives the token against forged requests.
		answer, err := client.Get(page)
		must(t, err)
		must(t, answer.Body.Close())
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s has status %d", page, answer.StatusCode)
		}
	}
	return client
}
