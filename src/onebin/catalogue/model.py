"""What the tables of a catalogue may hold, as pydantic models: those of a manifest, and what is offered beside them.

The models only check, and make the JSON Schema; `offers` has the values, and `problems` the rules between tables.
"""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from onebin.manifest import fields as kinds
from onebin.manifest.model import ExtensionPoint, Freeze, Host, PluginTable, Table
from onebin.manifest.schema import schema_of_tables


class Settings(Table):
    """`[catalogue]`: what holds for all hosts that do not say otherwise."""

    title: kinds.Description | None = Field(None, description="What the catalogue is called.")
    pythons: kinds.MatrixPythons = Field((), description="Versions of Python, the default first.")
    platforms: kinds.PlatformNames = Field((), description="Platforms to build for, the default first.")


class PluginOffer(PluginTable):
    """`[hosts.NAME.plugins.PLUGIN]`: a row of a manifest's [plugins], and what people are told about it."""

    model_config = ConfigDict(json_schema_extra={})

    description: kinds.Description = Field(description="What the plugin is for, in one line.")
    licence: kinds.WebAddress | None = Field(None, description="Where the plugin's licence can be read.")
    needs_plugins: kinds.RowNames = Field((), alias="needs", description="Plugins that are added with this one.")
    conflicts: kinds.RowNames = Field((), description="Plugins that cannot be in one bundle with this one.")


class HostOffer(Host):
    """`[hosts.NAME]`: the [host] of a manifest, and what can be chosen with it."""

    description: kinds.Description = Field(description="What the host is for, in one line.")
    licence: kinds.WebAddress | None = Field(None, description="Where the host's licence can be read.")
    version: kinds.Version | None = Field(None, description='Version specifier (PEP 440) of the host, or "*" for any.')
    versions: kinds.ExactVersions = Field((), description="The only versions that can be asked for.")
    pythons: kinds.MatrixPythons = Field((), description="Versions of Python, the default first.")
    platforms: kinds.PlatformNames = Field((), description="Platforms to build for, the default first.")
    most_plugins: Annotated[int, Field(ge=1, le=500)] | None = Field(
        None, description="The most plugins that one bundle may have. Default: all."
    )
    plugins: Mapping[kinds.RowName, PluginOffer] = Field(
        default_factory=dict,
        description="The plugins that can be asked for, in the order in which they are registered.",
    )
    variants: Mapping[kinds.Variant, kinds.RowNames] = Field(
        default_factory=dict, description="Named sets of plugins that people often want."
    )
    freeze: Freeze = Field(default_factory=Freeze)
    extension_points: Mapping[kinds.Group, ExtensionPoint] = Field(
        default_factory=dict, description="How the plugins of an extension point are loaded."
    )


class Document(Table):
    """The catalogue of onebin: hosts and plugins that can be asked for."""

    model_config = ConfigDict(title="catalogue.toml")

    catalogue: Settings = Field(default_factory=Settings)
    hosts: Mapping[kinds.FileName, HostOffer]


def catalogue_schema() -> dict[str, Any]:
    """Return the catalogue's JSON Schema (draft 2020-12), which editors use to complete and check catalogue.toml."""
    return schema_of_tables(Document)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(catalogue_schema(), indent=2) + "\n")
