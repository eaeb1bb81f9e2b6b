"""Machines of a network, each a network namespace with a name of its own, and MPI jobs on them. Needs root."""
import itertools
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx

# The address of machine N is PREFIX.N. Nothing outside the namespaces has addresses like these.
PREFIX = "10.77.0"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Machines:
    """Namespaces whose one network is a bridge in a namespace of its own."""

    made = itertools.count()

    def __init__(self, count, folder, rate="10gbit", delay=None):
        """Shapes what each machine sends to a rate, and delays all that it sends and receives by so many microseconds, as a
        program does that carries its frames (delay.c): few kernels have netem."""
        network = f"infer-{os.getpid()}-{next(self.made)}"
        self.names = [f"{network}-{number}" for number in range(count + 1)]
        self.folder = Path(folder)
        self.agent = self.folder / "agent.sh"
        # What mpirun calls in place of ssh: agent.sh HOST COMMAND…
        self.agent.write_text(
            f'#!/bin/bash\nnumber=${{1##*.}}\nshift\nexec ip netns exec {network}-$number '
            'unshare --uts bash -c "hostname machine-$number; $*"\n')
        self.agent.chmod(0o755)
        self.rate, self.delay = rate, delay
        self.cables = []

    def __enter__(self):
        switch, *names = self.names
        try:
            for name in self.names:
                run("ip", "netns", "add", name)
                run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", switch, "link", "add", "bridge", "type", "bridge")
            run("ip", "-n", switch, "link", "set", "bridge", "up")
            for number, name in enumerate(names, 1):
                self.connect(name, f"port{number}")
                run("ip", "-n", switch, "link", "set", f"port{number}", "master", "bridge", "up")
                run("ip", "-n", name, "addr", "add", f"{PREFIX}.{number}/24", "dev", "net")
                run("ip", "-n", name, "link", "set", "net", "up")
                self.shape(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def connect(self, name, port):
        """Makes the ends of a cable from a machine to the switch."""
        switch = self.names[0]
        if not self.delay:
            run("ip", "-n", name, "link", "add", "net", "type", "veth", "peer", "name", port, "netns", switch)
            return
        program = self.folder / "delay"
        if not program.exists():
            run("cc", "-O2", "-Wall", "-o", str(program), str(Path(__file__).with_name("delay.c")))
        cable = subprocess.Popen([program, name, "net", switch, port, str(self.delay)], stdout=subprocess.PIPE)
        self.cables.append(cable)
        assert cable.stdout.readline() == b"ready\n", cable.wait()

    def shape(self, name):
        run("tc", "-n", name, "qdisc", "add", "dev", "net", "root", "tbf", "rate", self.rate, "burst", "1mb", "latency", "50ms")

    def round_trip(self):
        """The milliseconds that a packet takes from the first machine to the second and back."""
        line = run("ip", "netns", "exec", self.names[1], "ping", "-q", "-c", "5", "-i", "0.2", f"{PREFIX}.2").splitlines()[-1]
        return float(line.split("/")[4])

    def __exit__(self, *_):
        for cable in self.cables:
            cable.kill()
            cable.wait()
            cable.stdout.close()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def mpirun(self, count, binary, *arguments, each=None):
        """The command that starts a job on the first machines; `each` may give arguments to a machine of its own."""
        command = [
            "mpirun", "--allow-run-as-root", "--mca", "plm_rsh_agent", str(self.agent), "--mca", "btl", "self,tcp",
            "--mca", "btl_tcp_if_include", f"{PREFIX}.0/24", "--mca", "oob_tcp_if_include", f"{PREFIX}.0/24",
            "--bind-to", "none"]
        for number in range(1, count + 1):
            more = (each or {}).get(number - 1, [])
            command += [":"] * (number > 1) + ["-n", "1", "--host", f"{PREFIX}.{number}:1", binary, *arguments, *more]
        return [
            "ip", "netns", "exec", self.names[1], "unshare", "--uts", "bash", "-c", 'hostname machine-1; exec "$@"', "bash",
            *command]

    def processes(self, binary):
        """The processes of a job by their machines, of those that run `binary`."""
        found = {}
        for number, name in enumerate(self.names[1:]):
            for pid in run("ip", "netns", "pids", name).split():
                try:
                    if os.readlink(f"/proc/{pid}/exe") == binary:
                        found[number] = int(pid)
                except OSError:
                    pass
        return found


class Job:
    """A server whose model the first machines compute."""

    def __init__(self, machines, count, binary, model, *options, each=None, parallel=None):
        self.machines, self.binary = machines, binary
        self.socket = machines.folder / f"{time.monotonic_ns()}.socket"
        self.log = machines.folder / f"{time.monotonic_ns()}.log"
        command = machines.mpirun(
            count, binary, "serve", "--model", model, "--unix-socket", str(self.socket), "--threads", "1",
            "--parallel", parallel or f"tensor={count}", *options, each=each)
        self.process = subprocess.Popen(command, stdout=self.log.open("w"), stderr=subprocess.STDOUT)
        self.client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://machine", timeout=120)

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_until_ready(self, timeout=120):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output()
            try:
                if self.client.get("/ready").status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready after {timeout} s:\n{self.output()}")

    def kill(self, rank, number=signal.SIGKILL):
        os.kill(self.machines.processes(self.binary)[rank], number)

    def exit_code(self, timeout=60):
        return self.process.wait(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for pid in self.machines.processes(self.binary).values():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
