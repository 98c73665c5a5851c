# What CONTRIBUTING.md says, checked: one test a file in checks/, and one that proves that each check can fail.
#
# mapwalk_tidy(CHECK [ARGUMENT...])
function(mapwalk_tidy check)
  add_test(NAME tidy.${check} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/tidy/run ${check} ${PROJECT_SOURCE_DIR} ${ARGN})
  set_tests_properties(tidy.${check} PROPERTIES LABELS tidy TIMEOUT 300)
endfunction()

# All sources once more, without anything that adds data of its own; never linked, only looked at.
file(GLOB sources CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/src/*/*.c ${PROJECT_SOURCE_DIR}/tools/mapwalk/*.c ${PROJECT_SOURCE_DIR}/bench/*.c)
add_library(tidy_objects OBJECT ${sources})
set_target_properties(tidy_objects PROPERTIES
  POSITION_INDEPENDENT_CODE OFF
  INTERPROCEDURAL_OPTIMIZATION OFF)
target_compile_options(tidy_objects PRIVATE -w -O1 -fno-pic -fno-pie)
target_compile_definitions(tidy_objects PRIVATE $<TARGET_PROPERTY:mapwalk_settings,INTERFACE_COMPILE_DEFINITIONS>)
target_include_directories(tidy_objects PRIVATE
  $<TARGET_PROPERTY:mapwalk_settings,INTERFACE_INCLUDE_DIRECTORIES> ${EXT2FS_INCLUDE_DIRS})
file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/tidy_objects.txt
  CONTENT "$<JOIN:$<TARGET_OBJECTS:tidy_objects>,\n>\n")

mapwalk_tidy(architecture)
mapwalk_tidy(comments)
mapwalk_tidy(conformance)
mapwalk_tidy(file_length)
mapwalk_tidy(function_length)
mapwalk_tidy(function_ratchet ${CMAKE_CURRENT_SOURCE_DIR}/tidy/ratchet)
mapwalk_tidy(globals ${CMAKE_CURRENT_BINARY_DIR}/tidy_objects.txt)
mapwalk_tidy(headers ${CMAKE_C_COMPILER})
mapwalk_tidy(invariants)
mapwalk_tidy(layers)
mapwalk_tidy(paths)
mapwalk_tidy(promises)
mapwalk_tidy(pte_bits ${CMAKE_CURRENT_SOURCE_DIR}/tidy/pte_exceptions)
mapwalk_tidy(symbols $<TARGET_FILE:mapwalk_shared>)
mapwalk_tidy(whitespace)

add_test(NAME tidy.selftest COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/tidy/selftest ${CMAKE_C_COMPILER})
set_tests_properties(tidy.selftest PROPERTIES LABELS tidy TIMEOUT 300)
