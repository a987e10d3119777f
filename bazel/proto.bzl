"""C++ messages from .proto files.

Only messages are generated. Services are read from the descriptors that come with them, because the exchange serves
and calls raw bytes (see libs/exchange).
"""

def egov_proto_library(name, srcs, deps = [], visibility = ["//visibility:public"]):
    """Messages of the contract repository.

    Args:
      name: the C++ library's name.
      srcs: .proto files of this package, under proto/, included by their path below it.
      deps: other egov_proto_library targets.
      visibility: as usual.
    """
    _messages(name, srcs, deps, visibility, "--proto_path=proto --proto_path=/usr/include --cpp_out=$(GENDIR)/proto", "/proto")

def internal_proto_library(name, srcs, deps = [], visibility = ["//visibility:private"]):
    """Messages that are not part of the contract: configuration, rows, frames.

    Args:
      name: the C++ library's name; the header is included by its path from the root.
      srcs: .proto files of this package; they import each other by path from the root, the contract by its path below proto/.
      deps: egov_proto_library or internal_proto_library targets.
      visibility: as usual.
    """
    _messages(name, srcs, deps, visibility, "--proto_path=. --proto_path=proto --proto_path=/usr/include --cpp_out=$(GENDIR)", None)

def _messages(name, srcs, deps, visibility, paths, strip_include_prefix):
    package = native.package_name()
    outs = []
    for src in srcs:
        stem = src[:-len(".proto")]
        outs += [stem + ".pb.h", stem + ".pb.cc"]
    native.filegroup(
        name = name + "_protos",
        srcs = srcs + [(d if ":" in d else d + ":" + d.split("/")[-1]) + "_protos" for d in deps],
        visibility = visibility,
    )
    native.genrule(
        name = name + "_generate",
        srcs = [":" + name + "_protos"],
        outs = outs,
        cmd = "/usr/bin/protoc " + paths + " " + " ".join([package + "/" + src for src in srcs]),
        message = "Generating C++ messages of " + package,
    )
    native.cc_library(
        name = name,
        srcs = [o for o in outs if o.endswith(".cc")],
        hdrs = [o for o in outs if o.endswith(".h")],
        copts = ["-w"],
        strip_include_prefix = strip_include_prefix,
        visibility = visibility,
        deps = deps + ["@debian//:protobuf"],
    )
