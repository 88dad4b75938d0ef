# Flags every target of ours gets; system headers are exempt because they come in as SYSTEM includes.
add_library(springlatch_options INTERFACE)
target_compile_options(springlatch_options INTERFACE
  -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Werror -fno-omit-frame-pointer)
# Everything since 2013 that is sold as an edge gateway has these, small Atoms included. Wider code is chosen at start.
target_compile_options(springlatch_options INTERFACE -march=x86-64-v2 -maes -mtune=generic)
target_include_directories(springlatch_options INTERFACE ${PROJECT_SOURCE_DIR})
set(SPRINGLATCH_WHOLE_PROGRAM OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT SPRINGLATCH_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(SPRINGLATCH_WHOLE_PROGRAM ON)  # see springlatch_whole_program()
  target_link_options(springlatch_options INTERFACE $<$<NOT:$<BOOL:$<TARGET_PROPERTY:springlatch_is_whole>>>:-fno-lto>)
endif()
if(SPRINGLATCH_SANITIZE)
  target_compile_options(springlatch_options INTERFACE -fsanitize=${SPRINGLATCH_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(springlatch_options INTERFACE -fsanitize=${SPRINGLATCH_SANITIZE})
  # Sanitizers change what the compiler sees (g++ 12 warns of the shifts and copies that it instruments itself): here
  # warnings stay warnings; the plain builds of both compilers hold the code to them.
  target_compile_options(springlatch_options INTERFACE -Wno-error -Wno-sign-conversion $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(SPRINGLATCH_FUZZ)
  target_compile_options(springlatch_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_compile_definitions(springlatch_options INTERFACE SPRINGLATCH_VERSION="${PROJECT_VERSION}")
