__version__ = "0.0.1"

import warnings
# raised by fastai on import
warnings.filterwarnings('ignore', '`torch.jit.script` is deprecated', FutureWarning)
