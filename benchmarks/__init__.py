"What the library's speed is measured with; not part of the package. `python -m benchmarks` runs all of it."
