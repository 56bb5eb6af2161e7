package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// identity is the account that Postgres runs under. Postgres refuses to run as root.
type identity struct {
	name string
	// uid and gid own its files, as this process sees them.
	uid, gid int
	// attr is how a process of that account is started; a new value every time.
	attr func() *syscall.SysProcAttr
}

// command returns the command that runs a program under the account, in a process group of its own: an interrupt from
// the terminal is for this program, which then stops its servers in order. The end of ctx kills it: a server's is one
// that never ends.
func (i identity) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = childEnv()
	cmd.WaitDelay = 5 * time.Second // for the output of what initdb itself has started, if ctx ends
	cmd.SysProcAttr = i.attr()
	cmd.SysProcAttr.Setpgid = true
	return cmd
}

// self is the account of this process.
func self() identity {
	return identity{name: "this account", uid: os.Geteuid(), gid: os.Getegid(),
		attr: func() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }}
}

// account is another account, which only root can start a process under.
func account(name string, uid, gid int) identity {
	return identity{name: name, uid: uid, gid: gid, attr: func() *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}}
}

// named looks an account up by its name.
func named(name string) (identity, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return identity{}, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return identity{}, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return identity{}, err
	}
	return account("the account "+name, uid, gid), nil
}

// identities lists the accounts to try. For an ordinary user that is their own. Root takes the owner of the cluster
// where there is one; else the account postgres, then a user namespace in which root's files are nobody's, then the
// account nobody.
func identities(data string) ([]identity, error) {
	info, err := os.Stat(data)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return nil, fmt.Errorf("look at the cluster: %w", err)
	}
	if !fresh {
		uid, gid, err := ownerOf(info)
		if err != nil {
			return nil, err
		}
		switch euid := os.Geteuid(); {
		case uid == euid && euid != 0:
			return []identity{self()}, nil
		case euid != 0:
			return nil, fmt.Errorf("the cluster %s belongs to user id %d, and this is user id %d: run as its owner", data, uid, euid)
		case uid != 0:
			return []identity{account(fmt.Sprintf("its owner, user id %d", uid), uid, gid)}, nil
		}
		return namespaces(), nil
	}
	if os.Geteuid() != 0 {
		return []identity{self()}, nil
	}
	var list []identity
	if id, err := named("postgres"); err == nil {
		list = append(list, id)
	}
	list = append(list, namespaces()...)
	if id, err := named("nobody"); err == nil {
		list = append(list, id)
	}
	return list, nil
}

// identify returns the first of the accounts that can both run the program and reach the folder.
func identify(ctx context.Context, list []identity, postgres, folder string) (identity, error) {
	errs := []error{errors.New("no account can run Postgres here (it refuses root)")}
	for _, id := range list {
		cmd := id.command(ctx, postgres, "--version")
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("as %s, in %s: %w %s", id.name, folder, err, tail(out)))
			continue
		}
		return id, nil
	}
	return identity{}, errors.Join(errs...)
}
