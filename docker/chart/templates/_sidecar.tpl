{{/*
For the initContainers of a service's Pod. From a chart that depends on this one: include "slowmap.sidecar"
.Subcharts.slowmap. The Pod needs shareProcessNamespace: true, and the volumes of "slowmap.volumes".

There is no readiness probe: that of a sidecar counts for its Pod, and a service is ready whether it is watched or not.
*/}}
{{- define "slowmap.sidecar" -}}
- restartPolicy: Always
  {{- include "slowmap.container" . | nindent 2 }}
{{- end -}}
