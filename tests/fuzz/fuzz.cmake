# libFuzzer targets, built with clang only (-DCMAKE_C_COMPILER=clang -DMAPWALK_FUZZ=ON). As a test each runs for a short
# time from nothing; by hand, as long as one likes, with a folder that keeps what it found.
option(MAPWALK_FUZZ "Build libFuzzer targets (clang)" OFF)
if(MAPWALK_FUZZ AND CMAKE_C_COMPILER_ID MATCHES "Clang")
  add_executable(fuzz.image fuzz/fuzz_image.c unit/fs/exercise.c)
  target_link_libraries(fuzz.image PRIVATE mapwalk_fs)
  target_include_directories(fuzz.image PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  # The fuzzer follows what it covers of the layer that it attacks.
  target_compile_options(mapwalk_fs PRIVATE -fsanitize=fuzzer-no-link)
  target_compile_options(fuzz.image PRIVATE -fsanitize=fuzzer)
  target_link_options(fuzz.image PRIVATE -fsanitize=fuzzer)
  add_test(NAME fuzz.image COMMAND fuzz.image -seed=1 -max_total_time=45 -max_len=240 -timeout=60)
  set_tests_properties(fuzz.image PROPERTIES LABELS fuzz TIMEOUT 600)
endif()
