# SPDX-License-Identifier: Apache-2.0
# One interface target carries the language level and the warnings: rooms link it, nothing is global.
add_library(stereo_flags INTERFACE)
target_compile_features(stereo_flags INTERFACE c_std_17)
target_compile_definitions(stereo_flags INTERFACE _GNU_SOURCE)
target_include_directories(stereo_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(stereo_flags INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wmissing-prototypes
    -Wstrict-prototypes -Wvla -Wformat=2 -Wno-format-nonliteral
    -fstack-protector-strong -fno-strict-aliasing -fPIE $<$<BOOL:${WERROR}>:-Werror>)
target_link_options(stereo_flags INTERFACE -pie -Wl,-z,relro,-z,now)
set_property(TARGET stereo_flags PROPERTY INTERFACE_POSITION_INDEPENDENT_CODE ON)
if(SANITIZE)
    string(REPLACE ";" "," sanitize_list "${SANITIZE}")
    target_compile_options(stereo_flags INTERFACE -fsanitize=${sanitize_list}
        -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
    target_link_options(stereo_flags INTERFACE -fsanitize=${sanitize_list})
endif()

# Named places where a test may kill, delay or fail a program (common/failpoint.h).
option(FAILPOINTS "Compile the failpoints in; never in a release" OFF)
if(FAILPOINTS)
    target_compile_definitions(stereo_flags INTERFACE STEREO_FAILPOINTS)
endif()
