# mapwalk_layer(NAME [LOWER...]): static library mapwalk_NAME of src/NAME/*.c, which may call the LOWER layers
# and what is below them.
function(mapwalk_layer name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.c)
  add_library(mapwalk_${name} STATIC ${sources})
  target_link_libraries(mapwalk_${name} PUBLIC mapwalk_settings)
  foreach(lower IN LISTS ARGN)
    target_link_libraries(mapwalk_${name} PUBLIC mapwalk_${lower})
  endforeach()
endfunction()
