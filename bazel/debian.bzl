"""The distribution's libraries as Bazel targets.

System headers and libraries are not inputs of Bazel's actions, so a cache would survive an upgrade of one. Each wrapper
therefore carries its package's installed version as a define: another version is another action.
"""

# name -> (Debian package that decides the version, link options, wrappers it stands on)
_LIBRARIES = {
    "absl": ("libabsl-dev", [
        "-labsl_bad_any_cast_impl", "-labsl_bad_optional_access", "-labsl_bad_variant_access", "-labsl_base",
        "-labsl_city", "-labsl_civil_time", "-labsl_cord", "-labsl_cord_internal", "-labsl_cordz_functions",
        "-labsl_cordz_handle", "-labsl_cordz_info", "-labsl_cordz_sample_token", "-labsl_debugging_internal",
        "-labsl_demangle_internal", "-labsl_exponential_biased", "-labsl_graphcycles_internal", "-labsl_hash",
        "-labsl_hashtablez_sampler", "-labsl_int128", "-labsl_log_severity", "-labsl_low_level_hash",
        "-labsl_malloc_internal", "-labsl_random_distributions", "-labsl_random_internal_platform",
        "-labsl_random_internal_pool_urbg", "-labsl_random_internal_randen", "-labsl_random_internal_randen_hwaes",
        "-labsl_random_internal_randen_hwaes_impl", "-labsl_random_internal_randen_slow",
        "-labsl_random_internal_seed_material", "-labsl_random_seed_gen_exception", "-labsl_random_seed_sequences",
        "-labsl_raw_hash_set", "-labsl_raw_logging_internal", "-labsl_spinlock_wait", "-labsl_stacktrace",
        "-labsl_status", "-labsl_statusor", "-labsl_str_format_internal", "-labsl_strerror", "-labsl_strings",
        "-labsl_strings_internal", "-labsl_symbolize", "-labsl_synchronization", "-labsl_throw_delegate",
        "-labsl_time", "-labsl_time_zone",
    ], []),
    "benchmark": ("libbenchmark-dev", ["-lbenchmark", "-lpthread"], []),
    "civetweb": ("libcivetweb-dev", ["-lcivetweb"], []),
    "crypto": ("libssl-dev", ["-lssl", "-lcrypto"], []),
    "grpc": ("libgrpc++-dev", ["-lgrpc++", "-lgrpc", "-lgpr"], ["absl", "protobuf"]),
    "grpc_reflection": ("libgrpc++-dev", ["-lgrpc++_reflection"], ["grpc"]),
    "gtest": ("libgtest-dev", ["-lgmock", "-lgtest", "-lpthread"], []),
    "gtest_main": ("libgtest-dev", ["-lgmock_main"], ["gtest"]),
    "pkcs11": ("libp11-kit-dev", [], []),  # the header alone; modules are loaded
    "pq": ("libpq-dev", ["-lpq"], []),
    "prometheus": ("prometheus-cpp-dev", ["-lprometheus-cpp-pull", "-lprometheus-cpp-core"], ["civetweb"]),
    "protobuf": ("libprotobuf-dev", ["-lprotobuf", "-lpthread"], []),
    "rocksdb": ("librocksdb-dev", ["-lrocksdb"], []),
    "spdlog": ("libspdlog-dev", ["-lspdlog", "-lfmt"], []),
    "xml": ("libxml2-dev", ["-lxml2"], []),
    "xmlsec": ("libxmlsec1-dev", ["-lxmlsec1-openssl", "-lxmlsec1"], ["crypto", "xml"]),
    "z": ("zlib1g-dev", ["-lz"], []),
    "zip": ("libzip-dev", ["-lzip"], ["z"]),
}

def _debian_libraries_impl(repository_ctx):
    lines = ['package(default_visibility = ["//visibility:public"])', ""]
    for name, (package, linkopts, deps) in sorted(_LIBRARIES.items()):
        result = repository_ctx.execute(["dpkg-query", "-W", "-f", "${Version}", package])
        if result.return_code != 0 or not result.stdout:
            fail("The Debian package '%s' is not installed; deploy/local/install says what is needed and installs it." % package)
        define = "EGOV_DEBIAN_%s=%s" % (name.upper(), "".join([c if c.isalnum() else "_" for c in result.stdout.elems()]))
        lines += [
            "cc_library(",
            '    name = "%s",' % name,
            "    linkopts = %s," % repr(["-Wl,--as-needed"] + linkopts),
            "    defines = %s," % repr([define]),
            "    deps = %s," % repr([":" + d for d in deps]),
            ")",
            "",
        ]
    repository_ctx.file("BUILD.bazel", "\n".join(lines))

debian_libraries = repository_rule(
    implementation = _debian_libraries_impl,
    configure = True,
    local = True,
    doc = "Declares one cc_library per system library, keyed by its installed version.",
)
