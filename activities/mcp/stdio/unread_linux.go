package stdio

import "golang.org/x/sys/unix"

// unreadBytes is the request for the number of bytes in a pipe.
const unreadBytes = unix.TIOCINQ
