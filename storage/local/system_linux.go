package local

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent makes the process receive sig when the thread that started it dies.
func dieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// overflowID is the account that an unmapped one shows as, known as nobody.
const overflowID = 65534

// namespaces is root seen as nobody: a user namespace whose only account, 65534, is root outside. The process reaches
// what root reaches by ownership, and has no power over anything else.
func namespaces() []identity {
	uid, gid := os.Geteuid(), os.Getegid()
	return []identity{{name: "nobody in a user namespace", uid: uid, gid: gid, attr: func() *syscall.SysProcAttr {
		return &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: overflowID, HostID: uid, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: overflowID, HostID: gid, Size: 1}},
		}
	}}}
}

// serversOn lists the processes of Postgres at work on a cluster: the postmaster and its children, told by their name
// and by the cluster being their working folder. Zombies are not among them. The second argument is for other systems.
func serversOn(data string, _ int) ([]int, error) {
	cluster, err := os.Stat(data)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A process may end while it is looked at; one that cannot be looked at is not the cluster owner's.
		name, err := os.ReadFile(filepath.Join("/proc", e.Name(), "comm"))
		if err != nil || !strings.HasPrefix(string(name), "postgres") {
			continue
		}
		cwd, err := os.Stat(filepath.Join("/proc", e.Name(), "cwd"))
		if err == nil && os.SameFile(cwd, cluster) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
