# Compiler settings that every target of the project shares: interface library mapwalk_settings.
add_library(mapwalk_settings INTERFACE)
target_compile_definitions(mapwalk_settings INTERFACE _GNU_SOURCE MW_VERSION="${PROJECT_VERSION}")
target_include_directories(mapwalk_settings INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
# -fno-semantic-interposition: the shared library shows only mw_* and nobody replaces those, so that calls between
# functions of one file need no detour through the procedure linkage table and may be inlined.
target_compile_options(mapwalk_settings INTERFACE
  -Wall -Wextra -Wpedantic $<$<BOOL:${MAPWALK_WERROR}>:-Werror> -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wimplicit-fallthrough
  -fno-common -fno-semantic-interposition
  # clang-format splits long literals, which clang takes for a missing comma.
  $<$<C_COMPILER_ID:Clang>:-Wno-string-concatenation>)

if(MAPWALK_SANITIZE)
  target_compile_options(mapwalk_settings INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(mapwalk_settings INTERFACE -fsanitize=address,undefined)
endif()

if(MAPWALK_COVERAGE)
  target_compile_options(mapwalk_settings INTERFACE --coverage)
  target_link_options(mapwalk_settings INTERFACE --coverage)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  include(CheckIPOSupported)
  check_ipo_supported(RESULT mapwalk_ipo OUTPUT mapwalk_ipo_why LANGUAGES C)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${mapwalk_ipo})
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # Machine code beside the intermediate one: the many tests link that, quickly.
    set(CMAKE_C_COMPILE_OPTIONS_IPO -flto=auto -ffat-lto-objects)
  endif()
endif()
