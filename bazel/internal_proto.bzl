"""internal_proto_library: C++ messages that are not part of the contract (configuration, rows, frames)."""

def internal_proto_library(name, srcs, deps = [], visibility = ["//visibility:private"]):
    """Generates C++ for `srcs` of this package and compiles it.

    Args:
      name: the C++ library's name; the header is included by its path from the root.
      srcs: .proto files of this package; they import each other by path from the root, the contract by its path below proto/.
      deps: egov_proto_library or internal_proto_library targets.
      visibility: as usual.
    """
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
        cmd = "/usr/bin/protoc --proto_path=. " + ("--proto_path=proto " if deps else "") +
              "--proto_path=/usr/include --cpp_out=$(GENDIR) " +
              " ".join([package + "/" + src for src in srcs]),
        message = "Generating C++ messages of " + package,
    )
    native.cc_library(
        name = name,
        srcs = [o for o in outs if o.endswith(".cc")],
        hdrs = [o for o in outs if o.endswith(".h")],
        copts = ["-w"],
        visibility = visibility,
        deps = deps + ["@debian//:protobuf"],
    )
