# What `cmake --install` leaves behind is enough for a stranger: each test uses the prefix that the first one fills.
#
# mapwalk_install_test(NAME): runs tests/install/NAME with the prefix, the compilers and the flags that the build
# used (a library with sanitizers needs a program with sanitizers). Exit status 77 is a skip, shown as one.
set(install_prefix ${CMAKE_CURRENT_BINARY_DIR}/prefix)
set(install_flags)
if(MAPWALK_SANITIZE)
  set(install_flags -fsanitize=address,undefined)
endif()

function(mapwalk_install_test name)
  add_test(NAME install.${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/install/${name})
  set_tests_properties(install.${name} PROPERTIES
    LABELS install
    TIMEOUT 300
    SKIP_RETURN_CODE 77
    ENVIRONMENT "PREFIX=${install_prefix};BUILD=${PROJECT_BINARY_DIR};CC=${CMAKE_C_COMPILER};FLAGS=${install_flags};LIBDIR=${install_prefix}/${CMAKE_INSTALL_LIBDIR};CMAKE=${CMAKE_COMMAND};VERSION=${PROJECT_VERSION}")
  if(name STREQUAL "prefix")
    set_tests_properties(install.prefix PROPERTIES FIXTURES_SETUP prefix)
  else()
    set_tests_properties(install.${name} PROPERTIES FIXTURES_REQUIRED prefix)
  endif()
endfunction()

mapwalk_install_test(prefix)
mapwalk_install_test(find_package)
mapwalk_install_test(pkg_config)
mapwalk_install_test(tiny_kernel)
mapwalk_install_test(user_pager)
mapwalk_install_test(headers_c)
mapwalk_install_test(headers_cxx)
if(TARGET mapwalk_static)
  mapwalk_install_test(static_archive)
endif()
