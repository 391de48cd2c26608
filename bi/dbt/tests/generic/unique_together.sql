-- A key of several columns, of which some may be NULL: two rows that have the same are one too many.
{% test unique_together(model, columns) %}
SELECT {{ columns | join(', ') }}
FROM {{ model }}
GROUP BY {{ columns | join(', ') }}
HAVING count(*) > 1
{% endtest %}
