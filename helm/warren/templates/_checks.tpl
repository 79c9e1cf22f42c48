{{/* What a schema can't say: values that don't fit together. */}}
{{- define "warren.check" -}}
{{- $v := .Values -}}
{{- if and (eq $v.storage.kind "rocksdb") (gt (int $v.replicas) 1) }}
{{- fail (printf "replicas: %d, but the embedded store belongs to one broker; take storage.kind postgresql or cloudnative-pg, or one replica" (int $v.replicas)) }}
{{- end }}
{{- if lt (int $v.terminationGracePeriodSeconds) (add (int $v.drainTimeoutSeconds) 15) }}
{{- fail (printf "terminationGracePeriodSeconds: %d is too short for drainTimeoutSeconds %d and 15 s to stop in; raise the one or lower the other" (int $v.terminationGracePeriodSeconds) (int $v.drainTimeoutSeconds)) }}
{{- end }}
{{- if eq $v.storage.kind "postgresql" }}
{{- if and $v.storage.postgresql.url $v.storage.postgresql.urlKey }}
{{- fail "storage.postgresql: url and urlKey are both set; only one can count" }}
{{- end }}
{{- if not (or $v.storage.postgresql.url $v.storage.postgresql.urlKey) }}
{{- fail "storage.postgresql: set url, or existingSecret and urlKey" }}
{{- end }}
{{- if and $v.storage.postgresql.urlKey (not $v.storage.postgresql.existingSecret) }}
{{- fail "storage.postgresql.urlKey: needs existingSecret, the Secret that has this key" }}
{{- end }}
{{- if or (regexMatch "^[a-z]+://[^/@]*:[^/@]*@" $v.storage.postgresql.url) (regexMatch "[?&]password=" $v.storage.postgresql.url) }}
{{- fail "storage.postgresql.url: holds a password; keep it in existingSecret" }}
{{- end }}
{{- end }}
{{- if and $v.tls.enabled (not $v.tls.existingSecret) (not $v.tls.certManager.enabled) }}
{{- fail "tls: set existingSecret or certManager.enabled; or tls.enabled=false together with auth.insecure=true" }}
{{- end }}
{{- if and $v.tls.existingSecret $v.tls.certManager.enabled }}
{{- fail "tls: existingSecret and certManager.enabled exclude each other" }}
{{- end }}
{{- if and $v.tls.certManager.enabled (not $v.tls.certManager.issuerRef.name) }}
{{- fail "tls.certManager.issuerRef: name the issuer, for example {name: internal-ca, kind: ClusterIssuer}" }}
{{- end }}
{{- if and $v.tls.clientCA.existingSecret (not $v.tls.enabled) }}
{{- fail "tls.clientCA: clients' certificates take tls.enabled=true" }}
{{- end }}
{{- if and (not $v.auth.insecure) (not (and $v.tls.enabled $v.auth.users.existingSecret)) }}
{{- fail "auth: set auth.users.existingSecret and tls; or auth.insecure=true, if whoever reaches the broker may do everything" }}
{{- end }}
{{- if and $v.auth.tokenKeys.existingSecret (not $v.auth.users.existingSecret) }}
{{- fail "auth.tokenKeys: a token's user must be in the users file; set auth.users.existingSecret" }}
{{- end }}
{{- if lt (include "warren.containerMiB" . | int) 128 }}
{{- fail (printf "resources.limits.memory: %v is too small; 128Mi is the least" $v.resources.limits.memory) }}
{{- end }}
{{- range $v.extraEnv }}
{{- if and (hasKey . "value") (regexMatch "(?i)(password|secret|token)" .name) }}
{{- fail (printf "extraEnv: %s has a value in plain text; take it from a Secret by valueFrom" .name) }}
{{- end }}
{{- end }}
{{- end }}
