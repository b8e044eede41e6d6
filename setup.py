"Hand the metadata of settings.ini to setuptools."
from configparser import ConfigParser

from setuptools import setup

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
meta = config['DEFAULT']
lines = lambda key: meta[key].strip().splitlines()
untested = {key: lines(f'{key}_requirements') for key in ('wandb', 'trackio')}
extras = {key: lines(f'{key}_requirements') for key in ('timm', 'onnx', 'distributed', 'hub', 'tensorboard')}

setup(
    packages=['lbgat_nb', 'lbgat_nb.zoo'], package_dir={'': '.'}, package_data={'lbgat_nb.zoo': ['*.safetensors']},
    **{key: meta[key] for key in ('description', 'author', 'author_email', 'license', 'keywords')},
    python_requires=f'>={meta["min_python"]}',
    classifiers=[f'Development Status :: {meta["status"]}', 'Intended Audience :: Science/Research', 'Programming Language :: Python :: 3'],
    install_requires=lines('requirements'), extras_require={**extras, **untested, 'dev': sum(extras.values(), lines('dev_requirements'))},
    entry_points={'console_scripts': lines('console_scripts'), 'nbdev': ['lbgat_nb = lbgat_nb._modidx:d']},
)
