"""The functions of the published collector program, which is in Python 2, made to run under Python 3.

Its source comes from the package index that pip uses, and is held against a checksum. Nothing of it is
kept: its modules are compiled from the archive with the few changes that the languages differ by. `dict.items`
and `map` give lists there, `unicode` is a type, floats have 12 digits as text.
"""

import ast
import builtins
import hashlib
import html
import importlib.abc
import importlib.util
import io
import os
import re
import sys
import tarfile
import types
import urllib.parse

from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
from pip._vendor import requests

PACKAGE, VERSION = "performanceplatform-collector", "0.3.1"
SHA256 = "5ed891e9fe1214dd3a6382da7405d7c996d88c4da944acb0e5b69c1dbe192ae0"
FILE = f"{PACKAGE}-{VERSION}.tar.gz"
ROOT = "performanceplatform"

# Their own initialisation needs what is not needed here.
EMPTY = {ROOT, f"{ROOT}.utils", f"{ROOT}.collector", f"{ROOT}.collector.ga"}
# Outbound HTTP and logging, which documents do without.
ABSENT = {
    f"{ROOT}.client": ["DataSet"],
    f"{ROOT}.collector.pingdom.core": ["Pingdom"],
}


def load():
    """The modules that make documents: of reports, of plugins, of Pingdom."""
    builtins.unicode = text_of
    sys.modules["__builtin__"] = builtins
    for name, members in ABSENT.items():
        module = sys.modules[name] = types.ModuleType(name)
        for member in members:
            setattr(module, member, None)
    sys.meta_path.insert(0, Finder(archive()))
    return (
        importlib.import_module(f"{ROOT}.utils.data_parser"),
        importlib.import_module(f"{ROOT}.collector.ga.plugins"),
        importlib.import_module(f"{ROOT}.collector.pingdom"),
    )


def archive():
    """The files of the program, by path."""
    found = tarfile.open(fileobj=io.BytesIO(download()))
    files = (entry for entry in found if entry.isfile() and entry.name.endswith(".py"))
    return {entry.name.split("/", 1)[1]: found.extractfile(entry).read().decode() for entry in files}


def download():
    """pip itself cannot: to learn what a source needs it runs a setup that only Python 2 can."""
    settings = Configuration(isolated=False)
    settings.load()
    values = dict(settings.items())
    values = {key: value for group in values.values() if isinstance(group, dict) for key, value in group.items()} | values
    index = next((values[key] for key in (":env:.index-url", "install.index-url", "global.index-url") if key in values), None)
    verify = os.environ.get("PIP_CERT") or True
    page = f"{(index or PyPI.simple_url).rstrip('/')}/{PACKAGE}/"
    listing = requests.get(page, timeout=60, verify=verify)
    listing.raise_for_status()
    link = re.search(rf'href="([^"]*{re.escape(FILE)})[#"]', listing.text)
    assert link, f"the package index has no {FILE}"
    answer = requests.get(urllib.parse.urljoin(page, html.unescape(link[1])), timeout=60, verify=verify)
    answer.raise_for_status()
    assert hashlib.sha256(answer.content).hexdigest() == SHA256, f"{FILE} is not the one that was published"
    return answer.content


def text_of(value):
    """What `unicode` of Python 2 makes of a value."""
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.12g}"
    return text if re.search(r"[.einf]", text) else text + ".0"


def sorted_of(values, key):
    """One of the orders that groups can come in: there it depends on that of a set, here the first group is first."""
    values, places = list(values), {}
    for value in values:
        places.setdefault(key(value), len(places))
    return builtins.sorted(values, key=lambda value: places[key(value)])


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the program's modules in its archive."""

    def __init__(self, files):
        self.files = files

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] != ROOT or name in ABSENT:
            return None
        base = name.replace(".", "/")
        is_package = f"{base}/__init__.py" in self.files
        file = f"{base}/__init__.py" if is_package else f"{base}.py"
        if file not in self.files:
            return None
        return importlib.util.spec_from_loader(name, self, origin=file, is_package=is_package)

    def exec_module(self, module):
        module.sorted = sorted_of
        if module.__name__ in EMPTY:
            return
        file = module.__spec__.origin
        tree = ast.fix_missing_locations(Translation().visit(ast.parse(self.files[file])))
        exec(compile(tree, file, "exec"), module.__dict__)


class Translation(ast.NodeTransformer):
    """Python 2 as Python 3."""

    def visit_FunctionDef(self, function):
        """In Python 2 the variable of a list comprehension is one of the function around it; one relies on it."""
        self.generic_visit(function)
        if function.name == "compute_department":
            function.args.args[0].arg = "document"
        return function

    def visit_Call(self, call):
        self.generic_visit(call)
        name = getattr(call.func, "attr", getattr(call.func, "id", None))
        if name in ("items", "map"):
            return ast.Call(ast.Name("list", ast.Load()), [call], [])
        of_constant = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Constant)
        if of_constant and call.func.value.value == "{0!s}":
            return ast.Call(ast.Name("unicode", ast.Load()), call.args, [])
        return call
