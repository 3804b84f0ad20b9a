# SPDX-License-Identifier: Apache-2.0
# stereo_room(NAME SOURCES a.c ... LINK target ...): one static library a room, linked to exactly
# what it may use. LINK is PUBLIC where a room's header needs it, so a wrong include fails to link.
function(stereo_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;LINK" ${ARGN})
    add_library(${name} STATIC ${ROOM_SOURCES})
    target_link_libraries(${name} PUBLIC stereo_flags ${ROOM_LINK})
endfunction()

# stereo_test(NAME SOURCES a.c ... LINK target ... [LABELS l]): one cmocka program under CTest.
function(stereo_test name)
    cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 120)
    endif()
    if(NOT TEST_LABELS)
        set(TEST_LABELS unit)
    endif()
    add_executable(${name} ${TEST_SOURCES})
    target_link_libraries(${name} PRIVATE stereo_flags ${TEST_LINK} cmocka)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${TEST_LABELS}" TIMEOUT ${TEST_TIMEOUT}
        ENVIRONMENT "ASAN_OPTIONS=detect_leaks=1:abort_on_error=0;UBSAN_OPTIONS=print_stacktrace=1")
endfunction()
