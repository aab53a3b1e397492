package stdio

import (
	"os/exec"
	"unsafe"

	"github.com/gleitzeit/gleitzeit/internal/child"
	"golang.org/x/sys/windows"
)

// group is a job object: a program and all that it starts. Windows ends them when the last handle of the job closes, which
// happens when this process ends in any way.
type group struct{ job windows.Handle }

// newGroup makes a group without processes.
func newGroup(child.Lookup) (*group, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, err
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	size := uint32(unsafe.Sizeof(limits))
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), size); err != nil { //nolint:gosec // The call takes a structure.
		_ = windows.CloseHandle(job)
		return nil, err
	}
	return &group{job}, nil
}

// start starts a program in the group. What it starts in its first moment may stay outside.
func (g *group) start(command *exec.Cmd) error {
	if err := command.Start(); err != nil {
		return err
	}
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(command.Process.Pid)) //nolint:gosec // Process ids fit.
	if err == nil {
		err = windows.AssignProcessToJobObject(g.job, process)
		_ = windows.CloseHandle(process)
	}
	if err != nil {
		_, _ = command.Process.Kill(), command.Wait()
	}
	return err
}

// terminate kills the group: Windows has no signal that asks a process to end.
func (g *group) terminate() { g.kill() }

// kill kills the processes of the group, if any are left.
func (g *group) kill() { _ = windows.TerminateJobObject(g.job, 1) }

// close releases a group that was killed.
func (g *group) close() { _ = windows.CloseHandle(g.job) }

// unread returns 0: Windows does not tell the writer of a pipe.
func unread(uintptr) int { return 0 }

// unreadable returns false: Windows does not tell the writer of a pipe before it writes.
func unreadable(uintptr) bool { return false }
