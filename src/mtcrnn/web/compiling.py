"""The voice as WebAssembly: `python -m mtcrnn.web.compiling` (`make wasm`) writes `voice.wasm` beside this file.

Numba compiles `voice.play` to LLVM's language for a plain CPU, and LLVM that to WebAssembly. What comes is an object
file, which is nearly a module: its function has to be exported, and of the notes for a linker none is needed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import llvmlite.binding as llvm

from mtcrnn.core.files import write_bytes
from mtcrnn.core.numba_math import PACKAGE

MODULE = Path(__file__).with_name("voice.wasm")
SOURCES = (
    "web/uniforms.py",
    "web/voice.py",
    *(f"engine/{name}.py" for name in ("barrier", "elementwise", "loop", "products", "program", "samplers")),
    *(f"models/{name}.py" for name in ("constants", "lookback")),
    *(f"audio/{name}.py" for name in ("clock", "emphasis", "lags", "subbands")),
    *(f"core/{name}.py" for name in ("numba_math", "vectors")),
)
STAMP = b"sources"  # the name of a section
TRIPLE, FEATURES = "wasm32-unknown-unknown", "+simd128,+bulk-memory,+sign-ext,+nontrapping-fptoint"
SLOT = 8  # bytes of an argument in the table
CUSTOM, IMPORTS, FUNCTIONS, EXPORTS, CODE, DATA_COUNT = 0, 2, 3, 7, 10, 12  # kinds of sections
FUNCTION, TABLE, MEMORY, GLOBAL = range(4)  # kinds of imports
HEADER = 8  # bytes before the first section


def stamp() -> bytes:
    """A checksum of the files that the module is made of."""
    return f"{zlib.crc32(b''.join((PACKAGE / name).read_bytes() for name in SOURCES)):08x}".encode()


def stamp_of(module: bytes) -> bytes:
    """The checksum of the files that a module was made of; empty without one."""
    for kind, body in _sections(module):
        if kind == CUSTOM and _text(body, 0)[0] == STAMP:
            return body[_text(body, 0)[1] :]
    return b""


def compiled() -> bytes:
    """The module, newly compiled: half a minute. In a process whose Numba compiles for a plain CPU, with no cache."""
    from mtcrnn.config.nets import Net
    from mtcrnn.config.tier import Tier
    from mtcrnn.models.config import ModelConfig
    from mtcrnn.models.model import new_model
    from mtcrnn.web.making import voice_of
    from mtcrnn.web.voice import play

    config = ModelConfig(Tier(sample_rate=1000, mulaw_channels=16), Net(hidden_size=8, n_layers=1))
    weights = {name: tensor.numpy() for name, tensor in new_model(config, 0).module.state_dict().items()}
    play(voice_of(config, weights, 0), 0)
    (found,) = play.overloads.values()
    return linked(translated(found.library.get_llvm_str(), found.fndesc.llvm_func_name))


def translated(program: str, function: str) -> bytes:
    """An object file of WebAssembly from a program in LLVM's language, with an entry to one of its functions."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(cpu="generic", features=FEATURES, opt=3)
    program = re.sub(r"target datalayout = .*", f'target datalayout = "{machine.target_data}"', program)
    program = re.sub(r"target triple = .*", f'target triple = "{TRIPLE}"', program)
    program = program.replace('"prefer-vector-width"="512"', "nounwind")
    program = program.replace("llvm.x86.sse2.pmadd.wd", "llvm.wasm.dot")  # the same instruction
    program = re.sub(r"= common (local_unnamed_addr )?global", "= internal global", program)
    module = llvm.parse_assembly(program + _entry(program, function))
    module.verify()
    for each in module.functions:
        if not each.is_declaration and each.name != "play":
            each.linkage = "internal"
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()  # what Python would call
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=0)))
    found: bytes = machine.emit_object(module)
    return found


def _entry(program: str, function: str) -> str:
    """A function `play` that calls another with the arguments in a table, 8 bytes each.

    Numba passes the fields of arrays one by one. The first two arguments are where it writes what it returns, and what
    it raises.
    """
    line = next(line for line in program.splitlines() if line.startswith("define") and f"@{function}(" in line)
    arguments = line[line.index("(", line.index(function)) + 1 : line.rindex(")")]
    kinds = [argument.split()[0] for argument in arguments.split(",")]
    loads, values = ["  %raised = getelementptr i8, ptr %table, i64 8"], ["ptr %table", "ptr %raised"]
    for k, kind in enumerate(kinds[2:], 2):
        loads.append(f"  %p{k} = getelementptr i8, ptr %table, i64 {SLOT * k}")
        loads.append(f"  %v{k} = load {kind}, ptr %p{k}, align 8")
        values.append(f"{kind} %v{k}")
    call = f"  %status = call i32 @{function}({', '.join(values)})"
    return "\n".join(["", "define i32 @play(ptr %table) {", *loads, call, "  ret i32 %status", "}", ""])


def linked(compiled_object: bytes) -> bytes:
    """A module from an object file with no more than one memory, table and global: it exports its last function."""
    sections = list(_sections(compiled_object))
    functions = sum(_imported_functions(body) for kind, body in sections if kind == IMPORTS)
    functions += sum(_number(body, 0)[0] for kind, body in sections if kind == FUNCTIONS)
    exported = _section(EXPORTS, b"\x01" + _named(b"play") + bytes([FUNCTION]) + _leb(functions - 1))
    parts = [compiled_object[:HEADER]]
    for kind, body in sections:
        if kind in (DATA_COUNT, CODE) and exported:
            parts.append(exported)
            exported = b""
        if kind != CUSTOM:
            parts.append(_section(kind, body))
    return b"".join([*parts, _section(CUSTOM, _named(STAMP) + stamp())])


def _imported_functions(body: bytes) -> int:
    """How many of the imports are functions."""
    count, at = _number(body, 0)
    found = 0
    for _ in range(count):
        at = _text(body, _text(body, at)[1])[1]
        kind, at = body[at], at + 1
        found += kind == FUNCTION
        if kind == GLOBAL:
            at += 2
            continue
        at += kind == TABLE
        if kind != FUNCTION:
            limited, at = _number(body, at)
            at = _number(body, at)[1] if limited & 1 else at
        at = _number(body, at)[1]
    return found


def _sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    """The kind and the content of each section."""
    at = HEADER
    while at < len(module):
        size, start = _number(module, at + 1)
        yield module[at], module[start : start + size]
        at = start + size


def _number(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number in LEB128, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    size, start = _number(data, at)
    return data[start : start + size], start + size


def _leb(number: int) -> bytes:
    return bytes([number & 127 | 128]) + _leb(number >> 7) if number > 127 else bytes([number])


def _named(name: bytes) -> bytes:
    return _leb(len(name)) + name


def _section(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + _leb(len(body)) + body


def main() -> None:
    """Write `voice.wasm`, unless it is of these very sources."""
    if MODULE.exists() and stamp_of(MODULE.read_bytes()) == stamp():
        return
    if os.environ.get("NUMBA_CPU_NAME") == "generic":
        write_bytes(MODULE, compiled())
        return
    with tempfile.TemporaryDirectory() as cache:
        plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": cache}
        subprocess.run([sys.executable, "-m", "mtcrnn.web.compiling"], env={**os.environ, **plain}, check=True)


if __name__ == "__main__":
    main()
