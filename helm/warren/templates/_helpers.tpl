{{- define "warren.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "warren.fullname" -}}
{{- $name := include "warren.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "warren.selector" -}}
app.kubernetes.io/name: {{ include "warren.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "warren.labels" -}}
{{ include "warren.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "warren.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (ternary (include "warren.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "warren.image" -}}
{{- $image := .Values.image.repository -}}
{{- with .Values.global.imageRegistry }}{{ $image = printf "%s/%s" (trimSuffix "/" .) $image }}{{ end -}}
{{- if .Values.image.digest -}}
{{ $image }}@{{ .Values.image.digest }}
{{- else -}}
{{ $image }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "warren.usesPostgres" -}}
{{- if ne .Values.storage.kind "rocksdb" }}true{{ end }}
{{- end }}

{{- define "warren.databaseSecret" -}}
{{- if eq .Values.storage.kind "cloudnative-pg" -}}
{{ include "warren.fullname" . }}-db-app
{{- else if eq .Values.storage.kind "postgresql" -}}
{{ .Values.storage.postgresql.existingSecret }}
{{- end }}
{{- end }}

{{- define "warren.passwordKey" -}}
{{- if eq .Values.storage.kind "cloudnative-pg" }}password
{{- else if and (eq .Values.storage.kind "postgresql") .Values.storage.postgresql.existingSecret }}{{ .Values.storage.postgresql.passwordKey }}
{{- end }}
{{- end }}

{{- define "warren.tlsSecret" -}}
{{ .Values.tls.existingSecret | default (printf "%s-tls" (include "warren.fullname" .)) }}
{{- end }}

{{/* The container's memory limit, in MiB. */}}
{{- define "warren.containerMiB" -}}
{{- $text := .Values.resources.limits.memory | toString -}}
{{- $bytes := dict "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 -}}
{{- $unit := regexFind "[A-Za-z]+$" $text -}}
{{- $number := float64 (trimSuffix $unit $text) -}}
{{- divf (mulf $number (get $bytes $unit | default 1.0)) 1048576.0 | floor | int64 -}}
{{- end }}

{{/* The broker's configuration file. */}}
{{- define "warren.config" -}}
{{- $config := dict
  "server" (dict "listen" "0.0.0.0:7171" "http" "0.0.0.0:7172" "drain_timeout" (printf "%ds" (int64 .Values.drainTimeoutSeconds)))
  "storage" (dict)
  "memory" (dict "limit" (printf "%dMiB" (div (mul (include "warren.containerMiB" . | int64) (int64 .Values.memory.percent)) 100)))
  "log" (dict "format" "json") -}}
{{- if include "warren.usesPostgres" . }}
{{- $_ := set $config.storage "lease" .Values.storage.lease }}
{{- $_ := set $config.memory "spill_dir" "/var/lib/warren" }}
{{- end }}
{{- if eq .Values.storage.kind "rocksdb" }}
{{- $_ := set $config.storage "url" "rocksdb:/var/lib/warren/store" }}
{{- else if eq .Values.storage.kind "cloudnative-pg" }}
{{- $_ := set $config.storage "url" (printf "postgres://warren@%s-db-rw/warren" (include "warren.fullname" .)) }}
{{- else if .Values.storage.postgresql.url }}
{{- $_ := set $config.storage "url" .Values.storage.postgresql.url }}
{{- end }}
{{- with include "warren.passwordKey" . }}
{{- $_ := set $config.storage "password_file" (printf "/etc/warren/database/%s" .) }}
{{- end }}
{{- $auth := dict }}
{{- if .Values.auth.insecure }}{{ $_ := set $auth "insecure" true }}{{ end }}
{{- if .Values.auth.users.existingSecret }}{{ $_ := set $auth "users" (printf "/etc/warren/users/%s" .Values.auth.users.key) }}{{ end }}
{{- if .Values.auth.tokenKeys.existingSecret }}{{ $_ := set $auth "token_keys" (printf "/etc/warren/token-keys/%s" .Values.auth.tokenKeys.key) }}{{ end }}
{{- if $auth }}{{ $_ := set $config "auth" $auth }}{{ end }}
{{- if .Values.tls.enabled }}
{{- $tls := dict "certificate" "/etc/warren/tls/tls.crt" "key" "/etc/warren/tls/tls.key" }}
{{- if .Values.tls.clientCA.existingSecret }}
{{- $_ := set $tls "client_ca" (printf "/etc/warren/client-ca/%s" .Values.tls.clientCA.key) }}
{{- $_ := set $tls "client_certificates" .Values.tls.clientCertificates }}
{{- end }}
{{- $_ := set $config "tls" $tls }}
{{- end }}
{{- range $section, $options := .Values.config }}
{{- range $key, $value := $options }}
{{- if hasKey (get $config $section | default dict) $key }}
{{- if not (and (eq $section "log") (eq $key "format")) }}
{{- fail (printf "config.%s.%s: the chart sets this from a value of its own, see README.md" $section $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- mergeOverwrite $config (deepCopy .Values.config) | toYaml }}
{{- end }}

{{/* Secrets that are mounted: a list of name, secret, as YAML. */}}
{{- define "warren.secretVolumes" -}}
{{- if .Values.tls.enabled }}
- {name: tls, secret: {{ include "warren.tlsSecret" . }}}
{{- end }}
{{- if and .Values.tls.enabled .Values.tls.clientCA.existingSecret }}
- {name: client-ca, secret: {{ .Values.tls.clientCA.existingSecret }}}
{{- end }}
{{- with .Values.auth.users.existingSecret }}
- {name: users, secret: {{ . }}}
{{- end }}
{{- with .Values.auth.tokenKeys.existingSecret }}
- {name: token-keys, secret: {{ . }}}
{{- end }}
{{- if include "warren.passwordKey" . }}
- {name: database, secret: {{ include "warren.databaseSecret" . }}}
{{- end }}
{{- end }}

{{- define "warren.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
readOnlyRootFilesystem: true
{{- end }}

{{- define "warren.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}
