"""Any tier, played fast on the CPU, without torch. `Engine` has the playable interface of `generation.Player`.

- `dots`: products of packed weights with the sounds' vectors, float32 or int8.
- `program`: a model as packed weights and a list of operations.
- `kernels`, `samplers`: the compiled loop over steps.
- `player`: `Engine`: states, blocks, threads.
"""

from mtcrnn.engine.player import Engine, EngineState, choose_precision

__all__ = ["Engine", "EngineState", "choose_precision"]
