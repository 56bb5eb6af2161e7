//go:build !linux

package local

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent does nothing: only Linux signals a process when its parent dies. Elsewhere a server outlives a killed
// program, and the next start stops it.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}

// namespaces is empty: only Linux has user namespaces.
func namespaces() []identity { return nil }

// serversOn tells whether the postmaster that the cluster's pid file names is one: the children are not known here.
func serversOn(_ string, postmaster int) ([]int, error) {
	if postmaster <= 0 {
		return nil, nil
	}
	out, err := exec.Command("ps", "-p", strconv.Itoa(postmaster), "-o", "comm=").Output()
	if err != nil || !strings.Contains(string(out), "postgres") {
		return nil, nil // ps fails for a process that is not there
	}
	return []int{postmaster}, nil
}
