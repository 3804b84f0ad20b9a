{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "stereo.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "stereo.selector" -}}
app.kubernetes.io/name: stereo-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "stereo.labels" -}}
{{ include "stereo.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "stereo.account" -}}
{{ .Values.serviceAccount.name | default (include "stereo.fullname" .) }}
{{- end }}
{{- define "stereo.leaseSpace" -}}
{{ .Values.leaderElection.namespace | default .Release.Namespace }}
{{- end }}
{{- define "stereo.image" -}}
{{ .Values.image | default (printf "stereojob/stereo-operator:%s" .Chart.AppVersion) }}
{{- end }}
{{- define "stereo.workerImage" -}}
{{ .Values.worker.image | default (printf "stereojob/stereo-worker:%s" .Chart.AppVersion) }}
{{- end }}

{{/* The namespaces of Roles, comma-separated; empty: a ClusterRole. */}}
{{- define "stereo.spaces" -}}
{{- if eq .Values.scope "namespace" }}{{ .Values.watchNamespaces | default (list .Release.Namespace) | join "," }}{{ end -}}
{{- end }}
{{- define "stereo.watched" -}}
{{ include "stereo.spaces" . | default (.Values.watchNamespaces | join ",") }}
{{- end }}

{{- define "stereo.redisSecret" -}}
{{- if .Values.redis.bundled }}{{ include "stereo.fullname" . }}-redis{{ else }}{{ .Values.redis.existingSecret }}{{ end -}}
{{- end }}
{{- define "stereo.redisUrl" -}}
{{- if .Values.redis.bundled }}redis://{{ include "stereo.fullname" . }}-redis.{{ .Release.Namespace }}.svc:6379{{ else }}{{ required "redis.url is needed when redis.bundled is false" .Values.redis.url }}{{ end -}}
{{- end }}
{{- define "stereo.keySecret" -}}
{{ .Values.key.existingSecret | default (printf "%s-key" (include "stereo.fullname" .)) }}
{{- end }}

{{- define "stereo.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}
{{- define "stereo.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* The operator's settings; the names are those of `stereo-operator --help`. */}}
{{- define "stereo.env" -}}
{{- $v := .Values }}
{{- $env := dict
  "NAMESPACE" (include "stereo.watched" .)
  "WORKER_IMAGE" (include "stereo.workerImage" .)
  "IMAGE_PULL_POLICY" $v.worker.imagePullPolicy
  "IMAGE_PULL_SECRETS" ($v.imagePullSecrets | join ",")
  "WORKER_SERVICE_ACCOUNT" $v.worker.serviceAccountName
  "CA_CONFIGMAP" $v.worker.caConfigMap
  "REDIS_URL" (include "stereo.redisUrl" .)
  "WORKER_REDIS_URL" $v.worker.redis.url
  "KEY_FILE" "/etc/stereo/key/key"
  "LISTEN" $v.listen
  "LEASE_NAMESPACE" (include "stereo.leaseSpace" .)
  "LEASE_NAME" $v.leaderElection.name
  "LEADER_ELECT" (toString $v.leaderElection.enabled)
  "PROXY_HTTP" $v.proxy.http
  "PROXY_HTTPS" $v.proxy.https
  "NO_PROXY" (index $v.proxy "no")
  "LOG_LEVEL" $v.log.level
  "LOG_FORMAT" $v.log.format
  "IN_FLIGHT" (toString (int64 $v.limits.inFlight))
  "RESYNC_SECONDS" (toString (int64 $v.limits.resyncSeconds))
}}
{{- if include "stereo.redisSecret" . }}
{{- $_ := set $env "REDIS_USER" $v.redis.user }}
{{- $_ := set $env "REDIS_PASSWORD_FILE" "/etc/stereo/redis/operator-password" }}
{{- $_ := set $env "WORKER_REDIS_USER" $v.worker.redis.user }}
{{- $_ := set $env "WORKER_REDIS_PASSWORD_FILE" "/etc/stereo/redis/worker-password" }}
{{- end }}
- name: STEREO_POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
{{- range $name, $value := $env }}
{{- if $value }}
- name: STEREO_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- if $v.caConfigMap }}
- name: SSL_CERT_FILE
  value: /etc/stereo/ca/ca.crt
{{- end }}
{{- end }}

{{- define "stereo.mounts" -}}
- { name: key, mountPath: /etc/stereo/key, readOnly: true }
{{- if include "stereo.redisSecret" . }}
- { name: redis, mountPath: /etc/stereo/redis, readOnly: true }
{{- end }}
{{- if .Values.caConfigMap }}
- { name: ca, mountPath: /etc/stereo/ca, readOnly: true }
{{- end }}
{{- end }}
{{- define "stereo.volumes" -}}
- name: key
  secret: { secretName: {{ include "stereo.keySecret" . }}, defaultMode: 0440, items: [{ key: key, path: key }] }
{{- if include "stereo.redisSecret" . }}
- name: redis
  secret:
    secretName: {{ include "stereo.redisSecret" . }}
    defaultMode: 0440
    items: [{ key: operator-password, path: operator-password }, { key: worker-password, path: worker-password }]
{{- end }}
{{- if .Values.caConfigMap }}
- name: ca
  configMap: { name: {{ .Values.caConfigMap }} }
{{- end }}
{{- end }}
