"""List the people of a gallery; write it to one file, add one, embed or index it."""

import argparse
import contextlib
import dataclasses
import sys
from pathlib import Path

from tf_sphereface.commands.options.gallery import add_gallery_options
from tf_sphereface.commands.options.trust import add_trust_option
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.errors import InputError


def build_parser():
    parser = argparse.ArgumentParser(prog="sphereface people", description=__doc__)
    add_gallery_options(parser)
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="write names and templates to a new file, encrypted if the gallery is",
    )
    action.add_argument(
        "--import",
        dest="import_from",
        type=Path,
        metavar="FILE",
        help="add the people of such a file; a gallery is made if there is none",
    )
    action.add_argument(
        "--re-embed",
        type=Path,
        metavar="BUNDLE",
        help="embed the kept crops with this bundle, of which the gallery is then",
    )
    action.add_argument(
        "--hnsw",
        choices=("build", "measure", "drop"),
        help="of a gallery in PostgreSQL: build the index for `sphereface identify "
        "--approximate` and measure its recall against exact searches, measure that "
        "again, or drop the index",
    )
    parser.add_argument(
        "--variant", help="with --re-embed: of the network; default: the gallery's"
    )
    add_trust_option(parser)
    add_json_option(parser)
    return parser


@reports_errors
def main(argv=None):
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.re_embed is None and (args.variant or args.trust):
        parser.error("--variant and --trust go with --re-embed")
    from tf_sphereface.gallery import open_store, read_key

    secret, result = read_key(args.key), {}
    if args.import_from:
        result["imported"] = _import(args.gallery, args.import_from, secret)
    with contextlib.closing(open_store(args.gallery, secret)) as store:
        if args.export:
            _export(store, args.export, secret)
        if args.hnsw:
            result |= _change_index(store, args.hnsw)
        if args.re_embed:
            result["embedded_again"] = _embed_again(store, args)
        found = store.people()
        result |= {
            "templates": sum(person.templates for person in found),
            "variant": store.identity.variant,
            "encrypted": store.is_encrypted,
            "keeps_crops": store.keeps_crops,
            "people": [dataclasses.asdict(person) for person in found],
        }
    print_result(result, args.json)
    return 0


def _import(gallery, path, secret):
    from tf_sphereface.gallery import import_gallery, import_new_gallery, open_store
    from tf_sphereface.gallery.records import NoGalleryError

    try:
        store = open_store(gallery, secret)
    except NoGalleryError:
        return import_new_gallery(gallery, path, secret)
    with contextlib.closing(store):
        return import_gallery(store, path, secret)


def _export(store, out, secret):
    from tf_sphereface.gallery import export_gallery

    export_gallery(store, out, secret)
    if secret is None:
        tell(f"note: {out} holds names and biometric data in the clear")


def _change_index(store, change):
    from tf_sphereface.gallery.server_index import (
        build_index,
        drop_index,
        measure_recall,
    )
    from tf_sphereface.gallery.server_store import ServerStore

    if not isinstance(store, ServerStore):
        raise InputError("--hnsw is for galleries in PostgreSQL")
    place, connection = store.place, store.connection
    if change == "drop":
        drop_index(connection, place)
        return {"hnsw": "none"}
    if change == "build":
        build_index(connection, place)
    return {"hnsw": dataclasses.asdict(measure_recall(connection, place))}


def _embed_again(store, args):
    from tf_sphereface.bundle.bundle import load_bundle
    from tf_sphereface.bundle.embedder import Embedder
    from tf_sphereface.gallery import embed_again

    bundle, variant = load_bundle(args.re_embed, args.trust), args.variant
    if variant is None and store.identity.variant in bundle.contract.variants:
        variant = store.identity.variant
    return embed_again(store, Embedder(bundle, variant))


if __name__ == "__main__":
    sys.exit(main())
