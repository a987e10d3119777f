// What the thread sanitizer is told in every binary that links the engine.
//
// The distribution's RocksDB and Abseil are not instrumented: their own synchronization (the
// memtable's list, the block cache, the count of a shared status) is invisible. What they copy by
// memcpy is therefore not looked at, nor what has a frame in them. Races of our code are found by
// its own loads and stores.
#if defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }
extern "C" const char* __tsan_default_suppressions() {
  return "race:librocksdb.so\nrace:libabsl_status.so\ncalled_from_lib:librocksdb.so\n";
}
#endif
