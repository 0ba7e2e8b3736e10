"""Actors that watch a web server's access log: tail, or unpack → parse → count.

`tail`, `unpack`, `parse` and `count` hold one actor each. What these decide stands beside them and
knows nothing of actors: `follow` turns a growing file into lines, from a `place` that can be kept,
`record` a line into its fields, `totals` records into sums. `delivery` is how mail passes between
them without loss.
"""
