"""egov_proto_library: C++ messages of the contract repository.

Only messages are generated. Services are read from the descriptors that come with them, because the exchange serves
and calls raw bytes (see libs/exchange).
"""

def egov_proto_library(name, srcs, deps = [], visibility = ["//visibility:public"]):
    """Generates C++ for `srcs` (files under proto/) and compiles it.

    Args:
      name: the C++ library's name.
      srcs: .proto files of this package, included by their path below proto/.
      deps: other egov_proto_library targets.
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
        cmd = "/usr/bin/protoc --proto_path=proto --proto_path=/usr/include --cpp_out=$(GENDIR)/proto " +
              " ".join([package + "/" + src for src in srcs]),
        message = "Generating C++ messages of " + package,
    )
    native.cc_library(
        name = name,
        srcs = [o for o in outs if o.endswith(".cc")],
        hdrs = [o for o in outs if o.endswith(".h")],
        copts = ["-w"],
        strip_include_prefix = "/proto",
        visibility = visibility,
        deps = deps + ["@debian//:protobuf"],
    )
