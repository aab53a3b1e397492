package cluster_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// secured are the variables of a server that wants a certificate and an API key of everybody, and whose processes know
// each other by certificates as well.
func (m *machine) secured(a *authority, i *issuer) []string {
	own := a.issue("temporal", m.address)
	return []string{
		"TEMPORAL_TLS_REQUIRE_CLIENT_AUTH=true",
		"TEMPORAL_TLS_SERVER_CA_CERT=" + a.path,
		"TEMPORAL_TLS_SERVER_CERT=" + own.certificate, "TEMPORAL_TLS_SERVER_KEY=" + own.key,
		"TEMPORAL_TLS_INTERNODE_SERVER_NAME=temporal",
		"TEMPORAL_TLS_FRONTEND_CERT=" + own.certificate, "TEMPORAL_TLS_FRONTEND_KEY=" + own.key,
		"TEMPORAL_TLS_FRONTEND_SERVER_NAME=temporal",
		"TEMPORAL_TLS_CLIENT1_CA_CERT=" + a.path, "TEMPORAL_TLS_CLIENT2_CA_CERT=" + a.path,
		"TEMPORAL_AUTH_AUTHORIZER=default", "TEMPORAL_AUTH_CLAIM_MAPPER=default", "TEMPORAL_JWT_KEY_SOURCE1=" + i.URL,
		// With an authorizer, the server's own worker has no key: it goes by a frontend of its own.
		"USE_INTERNAL_FRONTEND=true", "TEMPORAL_SERVICES=frontend,internal-frontend,history,matching,worker",
	}
}

// trusts are the variables of a client that knows an authority and has a certificate, with an API key.
func trusts(a *authority, own pair, key string) []string {
	return []string{
		"TEMPORAL_TLS=true", "TEMPORAL_TLS_SERVER_CA_CERT_PATH=" + a.path,
		"TEMPORAL_TLS_CLIENT_CERT_PATH=" + own.certificate, "TEMPORAL_TLS_CLIENT_KEY_PATH=" + own.key,
		"TEMPORAL_API_KEY=" + key, "TEMPORAL_NAMESPACE=team",
	}
}

// TestSecuredCluster uses a secured Temporal server: mutual TLS, API keys, and permissions.
func TestSecuredCluster(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	a := newAuthority(t, filepath.Join(m.folder, "authority"))
	i := newIssuer(a)
	own := a.issue("client")
	m.startPostgreSQL()
	m.setUpSchemas()
	m.startRedis()
	m.startTemporal(m.secured(a, i)...)
	write(t, filepath.Join(m.documents(), "sum.yaml"), "name: Sum\ntasks:\n  - {id: sum, method: mcp/tool.add, parameters: {a: 2, b: 3}}\n")

	// This one waits until the server is there.
	m.ready(m.worker(trusts(a, own, i.token("temporal-system:admin"))...))
	team := m.someone(trusts(a, own, i.token("team:write"))...)
	if stdout, said := team.Gleitzeit(0, "submit", "sum.yaml", "--wait"); stdout != "sum: 5\n" {
		t.Errorf("its result is %q\n%s", stdout, said)
	}
	if shown, _ := team.Gleitzeit(0, "status"); !strings.Contains(shown, "namespace team") {
		t.Errorf("status shows %q", shown)
	}

	refused := func(what string, u *programtest.User, want ...string) {
		t.Helper()
		code := 7
		if strings.HasPrefix(want[0], "gleitzeit: cannot start the run: Request unauthorized") {
			code = 1 // It was reached.
		}
		_, said := u.Gleitzeit(code, "submit", "sum.yaml", "--wait")
		for _, text := range want {
			if !strings.Contains(said, text) {
				t.Errorf("%s: it does not say %q:\n%s", what, text, said)
			}
		}
	}
	unreachable := "gleitzeit: the Temporal server at " + m.at("7233") + " cannot be reached: "
	other := newAuthority(t, filepath.Join(m.folder, "other"))
	refused("an authority that did not sign the server's certificate",
		m.someone(trusts(other, own, i.token("team:write"))...), unreachable, "certificate signed by unknown authority")
	// With TLS 1.3 the server refuses a certificate when the client has begun to write: whether the client reads why is chance.
	refused("a certificate of another authority",
		m.someone(trusts(a, other.issue("client"), i.token("team:write"))...), unreachable)
	refused("no TLS", m.someone("TEMPORAL_NAMESPACE=team"), unreachable)
	refused("a key for another namespace", m.someone(trusts(a, own, i.token("other:write"))...), "gleitzeit: cannot start the run: Request unauthorized", "TEMPORAL_NAMESPACE")

	// Whoever may work in a namespace may not make it.
	lacking := m.worker(append(trusts(a, own, i.token("lacking:write")), "TEMPORAL_NAMESPACE=lacking")...)
	lacking.Exits(1)
	for _, want := range []string{`has no namespace "lacking", and it cannot be created`, "temporal operator namespace create --namespace lacking --retention 720h"} {
		if !strings.Contains(lacking.Stderr.String(), want) {
			t.Errorf("a worker without a namespace does not say %q:\n%s", want, lacking.Stderr)
		}
	}
}
