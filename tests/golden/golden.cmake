# Whole outputs of the command: each golden/cases/NAME.sh is a test golden.NAME. golden/run says how.
file(GLOB cases CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/golden/cases/*.sh)
list(FILTER cases EXCLUDE REGEX "/fenceless\\.sh$")
foreach(case IN LISTS cases)
  get_filename_component(name ${case} NAME_WE)
  add_test(NAME golden.${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/golden/run $<TARGET_FILE:mapwalk> ${name})
  set_tests_properties(golden.${name} PROPERTIES LABELS golden TIMEOUT 300)
endforeach()

# The recorder with the real valgrind; skipped where there is none.
add_test(NAME golden.valgrind COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/golden/record_with_valgrind $<TARGET_FILE:mapwalk>)
set_tests_properties(golden.valgrind PROPERTIES LABELS golden TIMEOUT 300 SKIP_RETURN_CODE 77)

# The same command on a kernel that leaves out a fence.
file(GLOB command_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/mapwalk/*.c)
add_executable(fenceless ${CMAKE_CURRENT_SOURCE_DIR}/golden/fenceless.c ${command_sources})
target_link_libraries(fenceless PRIVATE mapwalk_view mapwalk_load)
target_link_options(fenceless PRIVATE -Wl,--wrap=mw_machine_new)
add_test(NAME golden.fenceless COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/golden/run $<TARGET_FILE:fenceless> fenceless)
set_tests_properties(golden.fenceless PROPERTIES LABELS golden TIMEOUT 300)
