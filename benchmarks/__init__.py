"What the library's speed is measured with, no part of the package: `python -m benchmarks`"
