"""Forks a process for every command that it is asked to run, after importing what they import: see forked_python.py."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pathlib
import runpy
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable

import eager_runs
import fork_conversions
import garbage
import plain_graphs
import shared_conversions
import short_stacks
import without_saved_model

_IMPORTED = ("tensorflow", "tf_keras", "tensorflow_text", "transformers.models.bert.modeling_tf_bert", "h5py",
             "xtremedistil_tf.runs.distil", "xtremedistil_tf.runs.predict", "xtremedistil_tf.runs.export",
             "xtremedistil_tf.runs.fine_tuning", "xtremedistil_tf.runs.planning")


def serve(path: str) -> Callable[[], None]:
    """Serves until standard input ends. Returns in every fork, with what runs its command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests' own end comes through standard input
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(64)
    conversions = fork_conversions.Conversions(pathlib.Path(path).parent)
    while True:
        ready, _, _ = select.select([listening, 0], [], [])
        with contextlib.suppress(ChildProcessError):  # those that have ended
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if 0 in ready:
            sys.exit(0)
        _import(pathlib.Path(path).parent)
        conversions.repeat()
        connection, _ = listening.accept()
        streams, request = _request(connection)
        if os.fork():
            connection.close()
            for stream in streams:
                os.close(stream)
            continue
        listening.close()
        if command := _kept(connection, streams, request, pathlib.Path(path).parent):
            return command


def _import(folder: pathlib.Path) -> None:
    """At the first command: a session may have none."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
    for name in _IMPORTED:
        __import__(name)
    from tensorflow.python.eager import context

    from xtremedistil_tf.evaluation import footprint

    footprint.SECONDS, footprint.FEWEST_RUNS = 0.0, 1  # as in conftest.py
    garbage.spare_converter()
    short_stacks.shorten()
    shared_conversions.share(folder / "made_over")
    _warm_up()
    # Threads do not survive a fork: nothing may have been computed yet.
    assert context._context is None or context._context._context_handle is None
    sys.path.pop(0)
    garbage.rarely()


def _warm_up() -> None:
    """What a process makes once and keeps: a table of Unicode, and the source of BERT's layers made over for graphs.

    In a graph of its own, without tf.function: nothing is computed, so no threads are started.
    """
    import tensorflow as tf
    from tensorflow.python.autograph.core.ag_ctx import ControlStatusCtx, Status
    from transformers import BertConfig, TFBertForTokenClassification

    from xtremedistil_tf.tokenization.graph.character_rules import character_rules

    character_rules(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=False)
    with tf.Graph().as_default():
        bert = TFBertForTokenClassification(BertConfig(
            vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8))
        ids = tf.compat.v1.placeholder(tf.int32, [None, None])
        call = tf.__internal__.autograph.tf_convert(
            lambda: bert({"input_ids": ids, "attention_mask": ids}, training=True, output_hidden_states=True).logits,
            ControlStatusCtx(Status.ENABLED))
        call()


def _request(connection: socket.socket) -> tuple[list[int], dict]:
    size, streams, _, _ = socket.recv_fds(connection, 8, 3)
    (length,) = struct.unpack("!Q", size)
    text = b""
    while len(text) < length:
        text += connection.recv(length - len(text))
    return streams, json.loads(text)


def _kept(connection: socket.socket, streams: list[int], request: dict,
          folder: pathlib.Path) -> Callable[[], None] | None:
    """Forks the command and, in the process between, stays until it ends: passes signals on, tells its status."""
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    child = os.fork()
    if not child:
        signal.set_wakeup_fd(-1)
        for descriptor in (ended, wake):
            os.close(descriptor)
        connection.close()
        sys.executable = str(folder / "python")  # what the command starts is forked, too
        return _command(streams, request)
    for stream in streams:
        os.close(stream)
    while True:
        ready, _, _ = select.select([connection, ended], [], [])
        if connection in ready:
            asked = connection.recv(1)
            if not asked:  # killed: so is the command, and what it started
                with contextlib.suppress(ProcessLookupError):  # it may not have become a group yet
                    os.killpg(child, signal.SIGKILL)
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                os._exit(0)
            os.kill(child, asked[0])
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            connection.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))
            os._exit(0)
        if ended in ready:
            os.read(ended, 64)


def _command(streams: list[int], request: dict) -> Callable[[], None]:
    os.setsid()
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
    for stream in streams:
        os.close(stream)
    for number in (signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    plain_graphs.follow()
    eager_runs.follow()
    without_saved_model.follow()
    sys.stdin = os.fdopen(0, "r", encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, "utf-8", "backslashreplace", closefd=False)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    words = request["words"]
    paths = [path for path in request["environment"].get("PYTHONPATH", "").split(os.pathsep) if path]
    if words[0] in ("-c", "-"):
        text = words[1] if words[0] == "-c" else sys.stdin.read()
        sys.argv, sys.path[:0] = [words[0], *words[2 if words[0] == "-c" else 1:]], ["", *paths]
        return lambda: exec(compile(text, "<string>", "exec"), {"__name__": "__main__"})
    if words[0] == "-m":
        sys.argv, sys.path[:0] = words[1:], [os.getcwd(), *paths]
        return lambda: runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    sys.argv, sys.path[:0] = words, [os.path.dirname(os.path.abspath(words[0])), *paths]
    return lambda: runpy.run_path(words[0], run_name="__main__")


def end(run: Callable[[], None]) -> None:
    """Runs a command and ends as Python does, save for taking down thousands of modules one by one."""
    status = 0
    try:
        run()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if error.code is not None and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        status = 130 if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()
    fork_conversions.note(pathlib.Path(sys.executable).parent)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder
    end(serve(sys.argv[1]))
