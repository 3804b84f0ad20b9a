# SPDX-License-Identifier: Apache-2.0
# generated/version.h: the version and the commit, for `--version` and for the build id of a job.
set(COMMIT "" CACHE STRING "The commit to show where there is no git, as in an image build")
find_package(Git QUIET)
set(STEREO_COMMIT "${COMMIT}")
if(GIT_FOUND AND NOT STEREO_COMMIT)
    execute_process(COMMAND ${GIT_EXECUTABLE} -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD
        OUTPUT_VARIABLE STEREO_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT STEREO_COMMIT)
    set(STEREO_COMMIT "unknown")
endif()
configure_file(${CMAKE_SOURCE_DIR}/cmake/version.h.in ${CMAKE_BINARY_DIR}/generated/version.h @ONLY)
