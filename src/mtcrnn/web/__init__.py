"""Models as pages that play in a browser, without this package: the engine as WebAssembly.

- `voice`, `uniforms`: one sound that plays, from the parameters to the samples, in compiled code.
- `making`: the arrays that the voice of a model needs.
- `compiling`: the voice as WebAssembly, `voice.wasm`.
- `image`: these arrays as the memory of a WebAssembly module.
- `export`: a model as one HTML file; `page` is what it is made of.
"""
