{{/* What the Pods of all modes have in common. */}}
{{- define "slowmap.container" -}}
name: slowmap
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [run]
env:
  {{- include "slowmap.env" . | nindent 2 }}
securityContext:
  {{- include "slowmap.securityContext" . | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- if .Values.prometheus.enabled }}
ports:
  - {name: slowmap-metrics, containerPort: {{ .Values.prometheus.port }}}
livenessProbe:
  httpGet: {path: /healthz, port: slowmap-metrics}
{{- end }}
{{- if include "slowmap.volumes" . }}
volumeMounts:
  {{- if .Values.config }}
  - {name: slowmap-config, mountPath: /etc/slowmap, readOnly: true}
  {{- end }}
  {{- if .Values.otlp.tls.secret }}
  - {name: slowmap-tls, mountPath: /etc/slowmap-tls, readOnly: true}
  {{- end }}
  {{- if .Values.queue.enabled }}
  - {name: slowmap-queue, mountPath: /var/lib/slowmap}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The volumes of its Pod; empty where there are none. */}}
{{- define "slowmap.volumes" -}}
{{- if .Values.config }}
- name: slowmap-config
  configMap: {name: {{ include "slowmap.name" . }}}
{{- end }}
{{- with .Values.otlp.tls.secret }}
- name: slowmap-tls
  secret: {secretName: {{ . }}}
{{- end }}
{{- if .Values.queue.enabled }}
- name: slowmap-queue
  emptyDir: {}
{{- end }}
{{- end -}}

{{/* Nothing else, whatever the values are: never privileged, and never with more than docs/install.md names. */}}
{{- define "slowmap.securityContext" -}}
capabilities:
  drop: [ALL]
  add:
    {{- if .Values.privileges.linuxBefore66 }}
    - SYS_ADMIN
    {{- else }}
    - BPF
    - PERFMON
    {{- end }}
    - SYS_PTRACE
    {{- if .Values.privileges.otherUsers }}
    - DAC_READ_SEARCH
    {{- end }}
seccompProfile:
  type: {{ .Values.seccomp.type }}
  {{- if eq .Values.seccomp.type "Localhost" }}
  localhostProfile: {{ .Values.seccomp.profile }}
  {{- end }}
{{- with .Values.appArmorProfile }}
appArmorProfile:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.seLinuxOptions }}
seLinuxOptions:
  {{- toYaml . | nindent 2 }}
{{- end }}
runAsUser: 0
# The service's Pod may say otherwise for all its containers.
runAsNonRoot: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
{{- end -}}
