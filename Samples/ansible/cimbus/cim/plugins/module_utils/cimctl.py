# SPDX-License-Identifier: Apache-2.0
"""Runs cimctl, and reads what it says: objects on standard output, the reason of a failure on standard error."""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import time

# Bytes. More than this nobody can want of one task.
MOST_OUTPUT = 64 << 20
MOST_ERRORS = 1 << 20
# A command asks the broker several questions, each of which may take as long as the timeout says. This many seconds are for all else.
QUESTIONS = 4
GRACE = 10

NOT_FOUND = 0x80041002
# What a machine says that does not have the class, or the service behind it: InvalidClass, the provider's absence (failed to load, not
# registered, not found), NotAvailable, InvalidNamespace.
NOT_THERE = frozenset([NOT_FOUND, 0x80041010, 0x80041013, 0x80041011, 0x80041085, 0x80041009, 0x8004100E])
TRANSPORT_FAILURE = 0x80041015

FIRST_LINE = re.compile(r"^cimctl: 0x([0-9A-Fa-f]{8}) (\S+): (.*)$")
PROVIDER = re.compile(r"^  provider: (.*?)(?: \(process (\d+)\))?(?:, (\d+) objects delivered before)?$")


class Failure(Exception):
    """An operation that failed: the name and the number of its status, and the reason. The number is None where it is no status of CIM's."""

    def __init__(self, name, number, text, provider=None, next_step=None):
        super().__init__(text)
        self.name = name
        self.number = number
        self.text = text
        self.provider = provider
        self.next_step = next_step

    @property
    def is_absence(self):
        """Whether the machine does not have what was asked for. A provider that reaches no service of its own says TransportFailure; without a
        provider that is the broker's absence."""
        return self.number in NOT_THERE or (self.number == TRANSPORT_FAILURE and bool(self.provider))

    @property
    def status(self):
        status = {"name": self.name, "number": self.number, "text": self.text}
        if self.provider:
            status["provider"] = self.provider
        if self.next_step:
            status["next"] = self.next_step
        return status

    def __str__(self):
        number = "" if self.number is None else " (0x%08X)" % self.number
        return "%s%s: %s" % (self.name, number, self.text)


def read_failure(errors, exit_status):
    """The failure that standard error tells of: an object of JSON, or lines for a person."""
    for line in errors.splitlines():
        if line.startswith("{"):
            try:
                return _failure_of_object(json.loads(line), exit_status)
            except (ValueError, TypeError):
                continue
    return _failure_of_lines(errors.splitlines(), exit_status)


def _failure_of_object(fields, exit_status):
    number = fields.get("status")
    if number is not None and not isinstance(number, int):
        raise TypeError("status")
    text = fields.get("text") or "cimctl ended with exit status %d" % exit_status
    return Failure(str(fields.get("name") or "Failed"), number, str(text), fields.get("provider"), fields.get("next"))


def _failure_of_lines(lines, exit_status):
    for index, line in enumerate(lines):
        match = FIRST_LINE.match(line)
        if not match:
            continue
        text, provider, next_step = [match.group(3)], None, None
        for more in lines[index + 1:]:
            named = PROVIDER.match(more)
            if more.startswith("        "):
                text.append(more[8:])
            elif more.startswith("  next: "):
                next_step = more[8:]
                break
            elif named:
                provider = named.group(1)
        return Failure(match.group(2), int(match.group(1), 16), "\n".join(text), provider, next_step)
    # A mistake on the command line, in ArgumentParser's words.
    for line in lines:
        if line.startswith("Error: "):
            return Failure("Usage", None, line[7:])
    said = "\n".join(line for line in lines if line.strip())
    return Failure("Failed", None, said[-2000:] or "cimctl ended with exit status %d and said nothing" % exit_status)


def read_objects(output):
    """The objects of JSON in a text: an array, a single object, or an object on each line."""
    if not output.strip():
        return []
    try:
        document = json.loads(output)
    except ValueError:
        return [json.loads(line) for line in output.splitlines() if line.strip()]
    return document if isinstance(document, list) else [document]


class Cimctl:
    """The program, and the broker that it asks."""

    def __init__(self, program, namespace="root/cimv2", timeout=60, bus="system"):
        self.program = program
        self.options = ["--namespace", namespace, "--timeout", "%.3f" % timeout, "--no-ask-password"]
        self.options += ["--" + bus] if bus in ("system", "session") else ["--address", bus]
        self.seconds = QUESTIONS * timeout + GRACE

    def objects(self, command, *words, flags=()):
        """What a command prints. Raises Failure."""
        output = self.text(command, *words, flags=("--output", "json") + tuple(flags))
        try:
            objects = read_objects(output)
        except ValueError as error:
            raise Failure("Failed", None, "cimctl %s printed what is no JSON: %s" % (command, error))
        for read in objects:
            if not isinstance(read, dict):
                raise Failure("Failed", None, "cimctl %s printed %s where an object was expected" % (command, json.dumps(read)[:100]))
        return objects

    def text(self, command, *words, flags=()):
        arguments = [self.program] + command.split() + self.options + list(flags) + ["--"] + list(words)
        for word in arguments:
            if "\0" in word:
                raise Failure("Usage", None, "%r has a character NUL, which no argument can have" % word[:100])
        output, errors, exit_status = run(arguments, self.seconds)
        if exit_status != 0:
            raise read_failure(errors, exit_status)
        return output


def run(arguments, seconds):
    """What a program says on standard output and standard error, and its exit status. Raises Failure where it takes too long or says too
    much, after it was ended."""
    try:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise Failure("Failed", None, "cannot run %s: %s" % (arguments[0], error.strerror or error))
    texts = {process.stdout: bytearray(), process.stderr: bytearray()}
    bounds = {process.stdout: MOST_OUTPUT, process.stderr: MOST_ERRORS}
    deadline = time.monotonic() + seconds
    try:
        with selectors.DefaultSelector() as selector:
            for stream in texts:
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Failure("Deadline", None, "%s did not end within %d seconds" % (arguments[0], seconds))
                for key, _ready in selector.select(left):
                    _read(key.fileobj, texts[key.fileobj], bounds[key.fileobj], selector)
        try:
            exit_status = process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Failure("Deadline", None, "%s did not end within %d seconds" % (arguments[0], seconds))
    finally:
        _end(process)
    output, errors = (bytes(texts[stream]).decode("utf-8", "replace") for stream in (process.stdout, process.stderr))
    return output, errors, exit_status


def _read(stream, text, bound, selector):
    read = os.read(stream.fileno(), 1 << 16)
    if not read:
        selector.unregister(stream)
    text.extend(read)
    if len(text) > bound:
        raise Failure("Excess", None, "cimctl prints more than %d bytes; ask for fewer objects or properties" % bound)


def _end(process):
    """Politely at first: then cimctl cancels the operation."""
    for stream in (process.stdout, process.stderr):
        stream.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            pass
