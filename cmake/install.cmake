# What users get: libmapwalk (shared, and one static archive), headers, CMake package, pkg-config file, the command.
#
# Both libraries are made of the objects of every layer but view, and show only names that begin with mw_: the
# shared one by a version script, the static one by linking all objects into one and making every other symbol local.

set(mapwalk_objects)
foreach(layer base event hw dev frame fs pt cache board mm kernel load)
  list(APPEND mapwalk_objects $<TARGET_OBJECTS:mapwalk_${layer}>)
endforeach()

# mapwalk_public(TARGET EXPORT_NAME): what both libraries tell those who link them.
function(mapwalk_public target export_name)
  add_library(mapwalk::${export_name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME mapwalk
    EXPORT_NAME ${export_name}
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
    ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
  target_include_directories(${target} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  install(TARGETS ${target} EXPORT mapwalk-targets)
endfunction()

set(map ${PROJECT_SOURCE_DIR}/cmake/mapwalk.map)
add_library(mapwalk_shared SHARED ${mapwalk_objects})
set_target_properties(mapwalk_shared PROPERTIES
  LINKER_LANGUAGE C
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS ${map})
target_link_options(mapwalk_shared PRIVATE LINKER:--version-script=${map})
if(NOT MAPWALK_SANITIZE) # whose runtime comes with the program
  target_link_options(mapwalk_shared PRIVATE LINKER:-z,defs)
endif()
target_link_libraries(mapwalk_shared PRIVATE mapwalk_settings PkgConfig::EXT2FS)
mapwalk_public(mapwalk_shared mapwalk)

# The partial link of link-time-optimised objects must produce machine code, which only gcc can be told.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" OR NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
  set(whole ${PROJECT_BINARY_DIR}/mapwalk_whole.o)
  set(machine_code)
  if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
    set(machine_code -O3 -flto=auto -flinker-output=nolto-rel)
  endif()
  add_custom_command(OUTPUT ${whole}
    COMMAND ${CMAKE_C_COMPILER} -r -nostdlib ${machine_code} -o ${whole} ${mapwalk_objects}
    COMMAND ${CMAKE_OBJCOPY} --wildcard "--keep-global-symbol=mw_*" ${whole}
    DEPENDS ${mapwalk_objects}
    COMMENT "Linking the objects of all layers into one"
    COMMAND_EXPAND_LISTS VERBATIM)
  add_library(mapwalk_static STATIC ${whole})
  set_source_files_properties(${whole} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  set_target_properties(mapwalk_static PROPERTIES LINKER_LANGUAGE C)
  target_link_libraries(mapwalk_static INTERFACE ext2fs com_err)
  mapwalk_public(mapwalk_static static)
endif()

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mapwalk)
configure_package_config_file(cmake/mapwalk-config.cmake.in mapwalk-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(mapwalk-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT mapwalk-targets NAMESPACE mapwalk:: DESTINATION ${package_dir})
install(FILES
  ${PROJECT_BINARY_DIR}/mapwalk-config.cmake
  ${PROJECT_BINARY_DIR}/mapwalk-config-version.cmake
  DESTINATION ${package_dir})

file(RELATIVE_PATH MAPWALK_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/mapwalk.pc.in mapwalk.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/mapwalk.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(DIRECTORY include/mapwalk DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES docs/mapwalk.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL)
if(TARGET mapwalk)
  install(TARGETS mapwalk)
endif()
