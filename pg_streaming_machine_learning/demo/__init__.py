"""The demo: a broker and a registry in this process, the real worker beside it, recorded data, a live table.

Read `run` and `stage`, then `revisions` (what is sent), `replay` (how), `board` (what came back), `view`
and `summary`.
"""
