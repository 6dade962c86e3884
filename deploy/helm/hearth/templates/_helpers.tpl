{{- define "hearth.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What tells our pods from others. Of a Deployment it cannot be changed later. Call with (list . "web"). */}}
{{- define "hearth.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "hearth.labels" -}}
{{- $root := index . 0 -}}
{{ include "hearth.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- define "hearth.image" -}}
image: {{ printf "%s:%s" .Values.image.repository .Values.image.tag | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end -}}

{{- define "hearth.texts" -}}
{{- range $name, $value := . }}
{{/* A number of a values file is a floating one here: 1000000 would be written 1e+06. */ -}}
{{ $name }}: {{ if kindIs "float64" $value }}{{ printf "%.0f" $value | quote }}{{ else }}{{ $value | toString | quote }}{{ end }}
{{- end }}
{{- end -}}

{{/* Variables of the site. What stands in `settings` wins. */}}
{{- define "hearth.webSettings" -}}
{{- $service := printf "%s-web" (include "hearth.fullname" .) -}}
{{- $ours := dict "HEARTH_URL" .Values.url "HEARTH_ADMIN_EMAIL" .Values.admin.email -}}
{{- $_ := set $ours "HEARTH_TRUSTED_PROXIES" (join "," .Values.trustedProxies) -}}
{{/* Under which other programs of the cluster may ask it. */}}
{{- $_ := set $ours "HEARTH_ALLOWED_HOSTS" (printf "%[1]s,%[1]s.%[2]s,%[1]s.%[2]s.svc" $service .Release.Namespace) -}}
{{- include "hearth.texts" (merge dict .Values.settings $ours) | trim -}}
{{- end -}}

{{- define "hearth.inferenceSettings" -}}
{{- include "hearth.texts" (merge dict .Values.inference.settings (dict "OLLAMA_HOST" "0.0.0.0:11434")) | trim -}}
{{- end -}}

{{- define "hearth.inferenceSecret" -}}
{{- default (printf "%s-inference" (include "hearth.fullname" .)) .Values.inference.existingSecret -}}
{{- end -}}

{{- define "hearth.adminSecret" -}}
{{- default (printf "%s-admin" (include "hearth.fullname" .)) .Values.admin.existingSecret -}}
{{- end -}}

{{- define "hearth.dataClaim" -}}
{{- default (printf "%s-data" (include "hearth.fullname" .)) .Values.persistence.data.existingClaim -}}
{{- end -}}

{{- define "hearth.modelsClaim" -}}
{{- default (printf "%s-models" (include "hearth.fullname" .)) .Values.persistence.models.existingClaim -}}
{{- end -}}

{{/* Where the environment of the site comes from: the same for its processes and for what prepares the database. */}}
{{- define "hearth.webEnvironment" -}}
env:
  - name: HEARTH_INFERENCE_URL
    value: {{ printf "http://%s-inference:11434" (include "hearth.fullname" .) }}
  - name: HEARTH_API_KEY
    valueFrom:
      secretKeyRef:
        name: {{ include "hearth.inferenceSecret" . }}
        key: HEARTH_API_KEY
  {{- if .Values.admin.email }}
  - name: HEARTH_ADMIN_PASSWORD
    valueFrom:
      secretKeyRef:
        name: {{ include "hearth.adminSecret" . }}
        key: HEARTH_ADMIN_PASSWORD
  {{- end }}
envFrom:
  - configMapRef:
      name: {{ include "hearth.fullname" . }}
  {{- with .Values.existingSecret }}
  - secretRef:
      name: {{ . }}
  {{- end }}
{{- end -}}

{{- define "hearth.webVolumeMounts" -}}
volumeMounts:
  - name: data
    mountPath: /data
  - name: tmp
    mountPath: /tmp
  {{- with .Values.web.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "hearth.pod" -}}
automountServiceAccountToken: false
# Variables that Kubernetes makes of services have names like ours.
enableServiceLinks: false
terminationGracePeriodSeconds: 30
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "hearth.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Call with the values of a component. */}}
{{- define "hearth.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A volume that outlives the release. Call with (list . "web" NAME CLAIM). */}}
{{- define "hearth.claim" -}}
{{- $claim := index . 3 -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ index . 2 }}
  labels:
    {{- include "hearth.labels" . | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  accessModes:
    {{- toYaml $claim.accessModes | nindent 4 }}
  {{- with $claim.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ $claim.size }}
{{- end -}}

{{/* A value that was made at the first installation, or else a new one. Call with (list . SECRET KEY LENGTH). */}}
{{- define "hearth.madeOnce" -}}
{{- $root := index . 0 -}}
{{- $kept := lookup "v1" "Secret" $root.Release.Namespace (index . 1) -}}
{{- if and $kept (hasKey (default dict $kept.data) (index . 2)) -}}
{{- index $kept.data (index . 2) -}}
{{- else -}}
{{- randAlphaNum (index . 3 | int) | b64enc -}}
{{- end -}}
{{- end -}}
