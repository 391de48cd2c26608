-- A foreign key of several columns: each row in which none of them is NULL has its row in `to`.
{% test refers_to(model, columns, to, to_columns) %}
SELECT {{ columns | join(', ') }}
FROM {{ model }} AS child
WHERE
    {%- for one in columns %}
    child.{{ one }} IS NOT NULL AND
    {%- endfor %}
    NOT EXISTS (
        SELECT FROM {{ to }} AS parent
        WHERE
            {%- for one in columns %}
            parent.{{ to_columns[loop.index0] }} = child.{{ one }}{{ " AND" if not loop.last }}
            {%- endfor %}
    )
{% endtest %}
