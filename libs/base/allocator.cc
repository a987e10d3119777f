// How jemalloc, which optimized programs are linked with, treats memory.
//
// By itself it gives pieces of 8 MiB and more back to the kernel at once, which then zeroes each
// page that it hands out again. Windows and mass questions come one after another and take such
// pieces each time: keep them as the others are kept, for the ten seconds that jemalloc calls its
// decay.
extern "C" const char* const malloc_conf;
extern "C" const char* const malloc_conf = "oversize_threshold:0";
