# SPDX-License-Identifier: MIT
"""Runs one command in a machine, over the ports that docs/rv.md describes.

Run is one boot: start(), then wait(). Each port is a socket pair; QEMU has the other end from its
start. Callers that want streams instead of pumps (the test harness) use Run.sockets directly.
"""
import os
import re
import socket
import subprocess
import sys
import threading
import time

import machine

STATUS_TIMEOUT = 124
STATUS_PANIC = 70
STATUS_ERROR = 2
GRACE = 3.0  # seconds that a machine has to power off after its last word
PANIC = re.compile(rb"^(?:\[[ 0-9.]+\] )?panic:", re.MULTILINE)


class Run:
    """One machine that runs argv. `tty`: the command has the console, on our terminal."""

    def __init__(self, config, argv, environment=None, cwd="/", uid=0, get=(), tty=False):
        self.config = config
        self.tty = tty
        self.process = None
        self.status = None  # of the command
        self.panicked = False
        self.timed_out = False
        self.archive = b""  # what came over rv.get
        self.console_text = b""  # all of it, after close()
        self.threads = []
        size = os.get_terminal_size() if tty else (0, 0)
        variables = dict(machine.ENVIRONMENT, TERM=os.environ.get("TERM", "linux")
                         if tty else "dumb")
        variables.update(environment or {})
        spec = machine.exec_file(argv, variables, cwd, uid, (size[1], size[0]), get)
        self.initrd = machine.memory_file("initramfs",
                                          machine.initramfs(config, {"rv.exec": spec}))
        self.console_fd = machine.memory_file("console")
        self.errors_fd = machine.memory_file("errors")  # QEMU's own messages: shown if it fails
        self.sockets = {}

    def start(self):
        theirs = {}
        for port in machine.PORTS:
            self.sockets[port], theirs[port] = socket.socketpair()
        log = machine.fd_path(self.console_fd)
        if self.tty:
            serial = ["-chardev", f"stdio,id=uart,mux=on,signal=off,logfile={log}",
                      "-mon", "chardev=uart"]
        else:
            serial = ["-chardev", f"file,id=uart,path={log}", "-monitor", "none"]
        init = "rdinit=/init" if self.config.on == "linux" else f"init={self.config.init}"
        cmdline = init + " rv.exec=1" + (" rv.tty=1 quiet" if self.tty else "")
        command = machine.qemu_command(
            self.config, self.config.kernel(),
            machine.fd_path(self.initrd), cmdline, serial, self.tty)
        fds = {port: s.fileno() for port, s in theirs.items()}
        command += machine.port_arguments(fds)
        streams = {} if self.tty else {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                                       "stderr": self.errors_fd}
        self.process = machine.start(command, [*fds.values(), self.initrd, self.console_fd,
                                               *self.config.fds()],
                                     self.tty, **streams)
        for s in theirs.values():
            s.close()
        self._thread(self._read_status)
        self._thread(self._read_archive)

    def _thread(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        self.threads.append(thread)

    def _read_all(self, port):
        out = b""
        while True:
            try:
                data = self.sockets[port].recv(65536)
            except OSError:
                return out
            if not data:
                return out
            out += data
            if port == "status" and out.endswith(b"\n"):
                return out

    def _read_status(self):
        line = self._read_all("status").strip()
        if line.isdigit():
            self.status = int(line)

    def _read_archive(self):
        self.archive = self._read_all("get")

    def pump(self, stdin, stdout, stderr):
        """Carries bytes between the ports and host descriptors until the machine ends."""
        threading.Thread(target=self._pump_in, args=(stdin,), daemon=True).start()
        self._thread(self._pump_out, "stdout", stdout)
        self._thread(self._pump_out, "stderr", stderr)

    def _pump_in(self, fd):
        port = self.sockets["stdin"]
        try:
            while data := os.read(fd, 65536):
                port.sendall(data)
        except OSError:
            pass  # our end of input, or the machine is gone
        self.close_stdin()

    def close_stdin(self):
        """End of input for the guest; only the sending half, so that nothing sent is dropped."""
        try:
            self.sockets["stdin"].shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _pump_out(self, port, fd):
        source = self.sockets[port]
        while True:
            try:
                data = memoryview(source.recv(65536))
            except OSError:
                return
            if not data:
                return
            try:
                while data:
                    data = data[os.write(fd, data):]
            except OSError:  # our reader went away: the guest's writer is to know
                source.shutdown(socket.SHUT_RDWR)
                return

    def console(self):
        """The console's text so far."""
        if self.console_fd is None:
            return self.console_text
        return os.pread(self.console_fd, os.fstat(self.console_fd).st_size, 0)

    def wait(self, timeout=None):
        """Waits for the machine's end; returns rv's exit status."""
        deadline = time.monotonic() + timeout if timeout else None
        ending = None
        while self.process.poll() is None:
            now = time.monotonic()
            if deadline and now >= deadline and self.status is None:
                self.timed_out = True
                break
            if ending is None and (self.status is not None or PANIC.search(self.console())):
                ending = now + GRACE
            if ending and now >= ending:
                break
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        machine.stop(self.process)
        for thread in self.threads:
            thread.join(1 if self.timed_out else None)
        if self.timed_out:
            return STATUS_TIMEOUT
        if self.status is not None:
            return self.status
        if not self.console():
            sys.stderr.write(os.pread(self.errors_fd, 1 << 16, 0).decode(errors="replace"))
            return STATUS_ERROR  # QEMU itself failed, and has said why
        self.panicked = True
        return STATUS_PANIC

    def close(self):
        if self.process:
            machine.stop(self.process)
        for s in self.sockets.values():
            s.close()
        self.console_text = self.console()
        os.close(self.initrd)
        os.close(self.console_fd)
        os.close(self.errors_fd)
        self.console_fd = None


def run(config, argv, stdin=b"", timeout=None, **options):
    """Boots, runs argv, and returns (status, stdout, stderr, Run)."""
    one = Run(config, argv, **options)
    streams = [machine.memory_file(name, data) for name, data in
               (("stdin", stdin), ("stdout", b""), ("stderr", b""))]
    os.lseek(streams[0], 0, os.SEEK_SET)
    try:
        one.start()
        one.pump(*streams)
        status = one.wait(timeout)
        out, err = (os.pread(fd, os.fstat(fd).st_size, 0) for fd in streams[1:])
        return status, out, err, one
    finally:
        one.close()
        for fd in streams:
            os.close(fd)
