/* SPDX-License-Identifier: Apache-2.0
 *
 * crd.h - the CustomResourceDefinition of StereoJob: the spec's schema from the field table, the
 * status's from the rows of crd_status.c, and the rules between fields in CEL. crds/ holds it as
 * text. Pure.
 */
#ifndef OPERATOR_CRD_H
#define OPERATOR_CRD_H

#include "common/json.h"

cJSON *crd_build(void); /* caller owns */
#endif
