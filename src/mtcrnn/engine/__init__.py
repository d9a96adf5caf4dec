"""Fast inference on the CPU, without torch, for any tier. `Engine` is a player, see `rendering.player.Player`.

- `products`: matrix-vector products of packed weights with the sounds' activations, in float32, int16 or int8.
- `program`, `builder`: a model as packed weights and a list of operations.
- `nets`: the programs of the nets.
- `loop`, `samplers`, `barrier`: the compiled loop over steps, its samplers, and its barrier between threads.
- `player`: `Engine`, with states, blocks and threads.
"""

from mtcrnn.engine.player import Engine, EngineState, choose_precision

__all__ = ["Engine", "EngineState", "choose_precision"]
