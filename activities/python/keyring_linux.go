package python

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// leaveKeyring gives this thread, and what it starts, a session keyring of its own: no namespace separates the keys that the
// kernel keeps for a login, such as those of Kerberos. The thread must end afterwards.
func leaveKeyring() error {
	_, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	if err == nil || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return nil // Where this process may not use keys, nor may what it starts.
	}
	return fmt.Errorf("cannot make a keyring for the sandbox: %w", err)
}
